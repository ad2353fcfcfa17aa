"""Finding anything of the house by a piece of its name."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_tenants.utils import tenant_context

from bookings.services import number_order
from tests.factories import (
    NOON,
    make_ad_unit,
    make_booking,
    make_campaign,
    make_episode,
    make_podcast,
    make_sponsor,
    make_user,
)
from tracker.lib.actors import SYSTEM


@pytest.fixture
def desk(tenant, client, login, salesperson):
    return login(client, salesperson)


def found(client, words):
    return client.get("/find", {"q": words}).content.decode()


def test_shows_sponsors_deals_bookings_and_orders_are_found(desk):
    sponsor = make_sponsor(name="Harbor & Pine")
    deal = make_campaign(name="Winter layers", sponsor=sponsor)
    booking = make_booking(campaign=deal, ad_unit=make_ad_unit(make_podcast(title="Slow Signal")), promo_code="TRAIL20")
    number = number_order(order=booking.order, by=SYSTEM, at=NOON).number

    assert "Slow Signal" in found(desk, "slow sig")
    by_sponsor = found(desk, "harbor")
    for words in ("Sponsors", "Deals", "Bookings", "Orders", "Winter layers", number):
        assert words in by_sponsor
    assert "TRAIL20" in found(desk, "trail20")
    assert f"/admin/bookings/insertionorder/{booking.order_id}/change/" in found(desk, number)


def test_what_is_not_there_is_not_found(desk, other_tenant):
    with tenant_context(other_tenant):
        make_campaign(name="Foreign secret")
    kept = make_sponsor(name="Acme")
    make_sponsor(name="Acme twin", merged_into=kept)

    assert "Foreign secret" not in found(desk, "foreign")
    assert "Acme twin" not in found(desk, "acme")
    assert "Winter" not in found(desk, "w")


def test_bound_people_find_their_own_alone(tenant, client, login):
    mine, theirs = make_podcast(title="Slow Signal"), make_podcast(title="Slow Salt")
    sponsor, rival = make_sponsor(name="Harbor & Pine"), make_sponsor(name="Harbor Oats")
    for show, buyer in ((mine, sponsor), (theirs, rival)):
        make_booking(campaign=make_campaign(name="Winter layers", sponsor=buyer), ad_unit=make_ad_unit(show))
        make_episode(show, title=f"Winter with {buyer}")
    creator = make_user(role="creator", bindings={"podcast": [mine.pk]})
    advertiser = make_user(role="advertiser", bindings={"sponsor": [sponsor.pk]})

    login(client, creator)
    assert "Slow Signal" in found(client, "slow")
    assert "Slow Salt" not in found(client, "slow")
    by_word = found(client, "winter")
    assert "Winter with Harbor &amp; Pine" in by_word
    assert "Harbor Oats" not in by_word
    login(client, advertiser)
    # Shows are on sale to everybody; bookings are one's own.
    assert "Slow Salt" in found(client, "slow")
    assert "Harbor &amp; Pine" in found(client, "harbor")
    assert "Harbor Oats" not in found(client, "harbor")
    assert "Sponsors" not in found(client, "harbor")


def test_somebody_bound_to_nothing_finds_nothing(tenant, client, login, advertiser_user):
    make_campaign(name="Winter layers")
    login(client, advertiser_user)

    assert "Winter layers" not in found(client, "winter")


def test_finding_takes_as_many_queries_for_one_of_each_as_for_five(desk):
    def add():
        deal = make_campaign(name="Winter layers", sponsor=make_sponsor(name="Winter & Pine"))
        booking = make_booking(campaign=deal, ad_unit=make_ad_unit(make_podcast(title="Winter show")))
        number_order(order=booking.order, by=SYSTEM, at=NOON)

    def queries():
        with CaptureQueriesContext(connection) as captured:
            found(desk, "winter")
        return len(captured)

    add()
    queries()
    one = queries()
    for _more in range(4):
        add()
    assert queries() == one
