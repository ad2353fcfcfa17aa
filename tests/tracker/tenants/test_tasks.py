"""A task runs in the tenant that sent it, or not at all."""

import pytest
from celery import shared_task
from django.db import connection, transaction
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context
from kombu.exceptions import OperationalError

from tracker.tenants.models import Tenant
from tracker.tenants.tasks import TenantGone, enqueue, public_task

ran_in: list[str] = []


@shared_task
def note_schema() -> None:
    ran_in.append(connection.schema_name)


@public_task
def note_public() -> None:
    ran_in.append(connection.schema_name)


@pytest.fixture(autouse=True)
def _forget() -> None:
    ran_in.clear()


def test_a_task_runs_in_the_tenant_that_sent_it(tenant, other_tenant):
    with tenant_context(other_tenant):
        note_schema.apply(headers={"_schema_name": "acme"}, throw=False)
        assert connection.schema_name == "beta"

    assert ran_in == ["acme"]


@pytest.mark.parametrize("headers", [{"_schema_name": "public"}, {"_schema_name": ""}, {"_schema_name": None}])
def test_a_task_without_a_tenant_does_not_run(tenant, headers):
    with schema_context("public"):
        outcome = note_schema.apply(headers=headers, throw=False)

    assert isinstance(outcome.result, TenantGone)
    assert ran_in == []


def test_a_task_of_a_tenant_that_never_was_does_not_run(tenant):
    outcome = note_schema.apply(headers={"_schema_name": "nobody"}, throw=False)

    assert isinstance(outcome.result, TenantGone)
    assert ran_in == []


@pytest.mark.parametrize("status", [Tenant.Status.SUSPENDED, Tenant.Status.DELETING, Tenant.Status.PROVISIONING])
def test_a_task_of_a_tenant_that_is_not_open_does_not_run(tenant, other_tenant, status):
    erase_after = timezone.now() if status == Tenant.Status.DELETING else None
    Tenant.objects.filter(pk=other_tenant.pk).update(status=status, erase_after=erase_after)

    outcome = note_schema.apply(headers={"_schema_name": "beta"}, throw=False)

    assert isinstance(outcome.result, TenantGone)
    assert ran_in == []


def test_a_task_of_a_deleted_tenant_does_not_run(tenant, other_tenant):
    Tenant.objects.filter(pk=other_tenant.pk).delete()

    outcome = note_schema.apply(headers={"_schema_name": "beta"}, throw=False)

    assert isinstance(outcome.result, TenantGone)
    assert ran_in == []


def test_a_task_meant_for_public_does_not_run_in_a_tenant(tenant):
    refused = note_public.apply(headers={"_schema_name": "acme"}, throw=False)
    with schema_context("public"):
        note_public.apply(headers={"_schema_name": "public"}, throw=False)

    assert isinstance(refused.result, TenantGone)
    assert ran_in == ["public"]


def test_a_task_sent_inside_a_transaction_goes_after_the_commit_for_the_tenant_of_that_moment(
    tenant, other_tenant, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        with schema_context("beta"):
            enqueue(note_schema)
        enqueue(note_schema)
        assert ran_in == []

    assert ran_in == ["beta", "acme"]


def test_a_rolled_back_change_sends_nothing(tenant, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        enqueue(note_schema)
        transaction.set_rollback(True)

    assert ran_in == []


def test_a_queue_that_is_down_does_not_undo_the_change(tenant, monkeypatch, django_capture_on_commit_callbacks):
    def down(*args, **kwargs):
        raise OperationalError("connection refused")

    monkeypatch.setattr(note_schema, "apply_async", down)

    with django_capture_on_commit_callbacks(execute=True):
        enqueue(note_schema)
