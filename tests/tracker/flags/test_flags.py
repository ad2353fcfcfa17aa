"""Kill switch above the tenant's word above the environment's default above off."""

import pytest
from django.http import Http404, HttpResponse
from django_tenants.utils import tenant_context

from tracker.flags.pages import flag_required
from tracker.flags.services import is_on, require, switch, switched_on
from tracker.lib.errors import Forbidden

FLAG = "ENABLE_MATCHMAKING"


@pytest.mark.parametrize(
    ("kill", "own", "default", "expected"),
    [
        (None, None, None, False),
        (None, None, "1", True),
        (None, None, "0", False),
        (None, True, None, True),
        (None, False, "1", False),
        ("1", True, "1", False),
        ("0", True, None, True),
    ],
)
def test_who_decides(tenant, monkeypatch, kill, own, default, expected):
    for name, value in ((f"KILL_{FLAG}", kill), (FLAG, default)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    if own is not None:
        switch(flag=FLAG, on=own)

    assert is_on(FLAG) is expected
    assert (FLAG in switched_on()) is expected


def test_one_tenants_word_is_not_anothers(tenant, other_tenant):
    switch(flag=FLAG, on=True)

    with tenant_context(other_tenant):
        assert not is_on(FLAG)


def test_a_word_that_is_taken_back_leaves_it_to_the_environment(tenant, monkeypatch):
    monkeypatch.setenv(FLAG, "true")
    switch(flag=FLAG, on=False)

    switch(flag=FLAG, on=None)

    assert is_on(FLAG)


def test_a_refusal_names_the_flag(tenant):
    with pytest.raises(Forbidden) as refusal:
        require(FLAG)

    assert (refusal.value.code, refusal.value.details) == ("feature_disabled", {"flag": FLAG})


def test_a_name_that_is_no_flag_is_a_mistake(tenant):
    with pytest.raises(KeyError):
        is_on("ENABLE_EVERYTHING")
    with pytest.raises(KeyError):
        switch(flag="ENABLE_EVERYTHING", on=True)


def test_a_switched_off_page_is_not_there(tenant, rf):
    page = flag_required(FLAG)(lambda request: HttpResponse("here"))

    with pytest.raises(Http404):
        page(rf.get("/"))
    switch(flag=FLAG, on=True)
    assert page(rf.get("/")).content == b"here"


def test_asking_for_all_flags_is_one_query(tenant, django_assert_num_queries):
    switched_on()  # the first query after entering a schema also names the schema

    with django_assert_num_queries(1):
        switched_on()


def test_an_administrator_switches_a_feature_in_the_admin(client, administrator, login):
    login(client, administrator)

    client.post("/admin/feature_flags/flagoverride/add/", {"flag": FLAG, "is_on": "on"})

    assert is_on(FLAG)
