"""Statements that are written out read and write the same objects as the ORM does."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection
from django.db.models.signals import post_save
from django.test.utils import CaptureQueriesContext

from bookings.models import InsertionOrder, IOBooking, SlotClaim
from tests.factories import make_booking, make_user
from tracker.accounts.models import ApiKey, Binding, Role
from tracker.events.models import Endpoint
from tracker.lib.rows import Rows, insert


def fields_of(thing):
    return {field.attname: getattr(thing, field.attname) for field in type(thing)._meta.concrete_fields}


def test_objects_are_read_as_the_orm_reads_them(tenant):
    booking = make_booking()
    both = Rows(
        "SELECT {line}, {claim}, line.line_number + 1 FROM io_bookings AS line JOIN slot_claims AS claim"
        " ON claim.booking_id = line.io_id WHERE line.io_id = %s",
        line=IOBooking,
        claim=SlotClaim,
    )

    line, claim, following = both.first([booking.pk])

    assert fields_of(line) == fields_of(IOBooking.objects.get())
    assert fields_of(claim) == fields_of(SlotClaim.objects.get())
    assert following == line.line_number + 1


def test_lists_and_json_are_read_as_the_orm_reads_them(api):
    key, role = Rows(
        "SELECT {found}, {role} FROM api_keys AS found JOIN roles AS role ON role.code = found.role_id",
        found=ApiKey,
        role=Role,
    ).first()

    assert fields_of(key) == fields_of(ApiKey.objects.get())
    assert isinstance(key.created_by, dict)
    assert fields_of(role) == fields_of(key.role)


def test_an_object_that_an_outer_join_did_not_find_is_none_and_no_row_is_none(tenant):
    user = make_user(role="ops")
    sought = Rows(
        "SELECT {binding}, person.email FROM users AS person"
        " LEFT JOIN bindings AS binding ON binding.user_id = person.user_id WHERE person.user_id = %(user)s",
        binding=Binding,
    )

    assert sought.first({"user": user.pk}) == (None, user.email)
    assert sought.first({"user": make_booking().pk}) is None


def test_a_new_object_is_written_as_save_writes_it(tenant):
    booking = make_booking()
    twin = IOBooking(**fields_of(booking) | {"io_id": None, "flight_start": booking.flight_start + timedelta(days=1)})
    twin.io_id = IOBooking._meta.pk.get_default()
    heard = []

    def hear(instance, created, **_signal):
        heard.append((instance, created))

    post_save.connect(hear, sender=IOBooking)
    try:
        assert insert(twin)
    finally:
        post_save.disconnect(hear, sender=IOBooking)

    assert heard == [(twin, True)]
    assert not twin._state.adding
    assert fields_of(IOBooking.objects.get(pk=twin.pk)) == fields_of(twin)


def test_lists_and_json_are_written_as_save_writes_them(tenant):
    endpoint = Endpoint(
        url="https://hooks.example.com/", event_types=["io.booked"], created_at=make_user(role="ops").date_joined
    )
    endpoint.created_by = {"kind": "user"}
    insert(endpoint)

    assert fields_of(Endpoint.objects.get()) == fields_of(endpoint)


def test_a_row_that_a_constraint_refuses_is_an_error_or_is_left(tenant):
    order = make_booking().order
    second = InsertionOrder(campaign_id=order.campaign_id, currency="EUR", time_zone="UTC")

    with CaptureQueriesContext(connection) as asked:
        assert not insert(second, unless_taken=True)
    assert len(asked) == 1
    assert second._state.adding
    assert InsertionOrder.objects.get() == order

    with pytest.raises(IntegrityError):
        insert(second)
