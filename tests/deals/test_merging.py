from datetime import UTC, datetime

import pytest
from django_tenants.utils import tenant_context

from deals.merging import duplicate_groups, merge_sponsors, undo_merge
from deals.models import Sponsor, SponsorMerge
from deals.services import add_contact
from tests.factories import make_campaign, make_sponsor
from tracker.events.models import Event
from tracker.lib.errors import DomainError

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAGE = "/admin/deals/sponsor/duplicates/"


def test_a_merge_carries_deals_contacts_and_the_name_over(tenant, salesperson):
    kept, twin = (
        make_sponsor(name="Acme Foods"),
        make_sponsor(name="ACME-Foods Inc.", aliases=["Acme F.", "acme foods"]),
    )
    own, moved = make_campaign(sponsor=kept), make_campaign(sponsor=twin)
    contact = add_contact(name="Ada", sponsor=twin)

    done = merge_sponsors(keep=kept, merge=twin, by=salesperson, at=NOON)

    for row in (kept, twin, own, moved, contact):
        row.refresh_from_db()
    assert (own.sponsor, moved.sponsor, contact.sponsor) == (kept, kept, kept)
    assert kept.aliases == ["ACME-Foods Inc.", "Acme F."]
    assert (twin.merged_into, twin.name) == (kept, "ACME-Foods Inc.")
    assert done.moved["campaigns"] == [str(moved.pk)]
    assert Event.objects.get(type="sponsor.merged").subject_id == str(kept.pk)


def test_a_merge_is_undone_and_what_came_later_stays(tenant, salesperson):
    kept, twin = make_sponsor(name="Acme Foods"), make_sponsor(name="ACME-Foods Inc.")
    moved = make_campaign(sponsor=twin)
    done = merge_sponsors(keep=kept, merge=twin, by=salesperson, at=NOON)
    later = make_campaign(sponsor=Sponsor.objects.get(pk=kept.pk))

    undo_merge(merge=done, by=salesperson, at=NOON)
    undo_merge(merge=done, by=salesperson, at=NOON)

    for row in (kept, twin, moved, later):
        row.refresh_from_db()
    assert (moved.sponsor, later.sponsor) == (twin, kept)
    assert (kept.aliases, twin.merged_into) == ([], None)
    assert Event.objects.filter(type="sponsor.merge_undone").count() == 1
    assert merge_sponsors(keep=kept, merge=twin, by=salesperson, at=NOON).pk != done.pk


def test_what_cannot_be_merged_is_refused(tenant, salesperson):
    kept, twin, third = make_sponsor(), make_sponsor(), make_sponsor()
    done = merge_sponsors(keep=kept, merge=twin, by=salesperson, at=NOON)

    def code(call):
        with pytest.raises(DomainError) as refusal:
            call()
        return refusal.value.code

    assert code(lambda: merge_sponsors(keep=third, merge=third, by=salesperson, at=NOON)) == "same_sponsor"
    assert code(lambda: merge_sponsors(keep=third, merge=twin, by=salesperson, at=NOON)) == "already_merged"
    assert code(lambda: merge_sponsors(keep=twin, merge=third, by=salesperson, at=NOON)) == "already_merged"
    merge_sponsors(keep=third, merge=kept, by=salesperson, at=NOON)
    assert code(lambda: undo_merge(merge=done, by=salesperson, at=NOON)) == "merged_again"


def test_spellings_of_one_name_are_offered_and_never_merged_by_themselves(tenant):
    first, second = make_sponsor(name="Acme Foods"), make_sponsor(name="ACME-Foods Inc.")
    make_sponsor(name="Other")

    assert duplicate_groups() == [[first, second]]
    assert not SponsorMerge.objects.exists()


def test_looking_merges_nothing_and_pressing_does(tenant, client, login, salesperson):
    login(client, salesperson)
    kept, twin = make_sponsor(name="Acme Foods"), make_sponsor(name="ACME-Foods Inc.")

    page = client.get(f"{PAGE}?keep={kept.pk}&merge={twin.pk}").content.decode()
    assert "Merge into Acme Foods" in page
    assert not SponsorMerge.objects.exists()

    told = client.post(PAGE, {"keep": kept.pk, "merge": twin.pk}, follow=True).content.decode()
    assert "ACME-Foods Inc. is now Acme Foods." in told
    done = SponsorMerge.objects.get()
    assert client.get(f"{PAGE}{done.pk}/undo/").status_code == 405

    told = client.post(f"{PAGE}{done.pk}/undo/", follow=True).content.decode()
    assert "ACME-Foods Inc. stands by itself again." in told


def test_a_sponsor_of_another_house_cannot_be_merged(tenant, other_tenant, client, login, salesperson):
    login(client, salesperson)
    own = make_sponsor()
    with tenant_context(other_tenant):
        foreign = make_sponsor(name="Foreign secret")

    assert client.post(PAGE, {"keep": own.pk, "merge": foreign.pk}).status_code == 404
    assert client.post(PAGE, {"keep": "x", "merge": own.pk}).status_code == 404
    assert "Foreign secret" not in client.get(PAGE).content.decode()


def test_ops_cannot_merge(tenant, client, login, ops_user):
    login(client, ops_user)
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"keep": make_sponsor().pk, "merge": make_sponsor().pk}).status_code == 403
