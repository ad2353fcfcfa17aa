"""Two spellings become one sponsor, and two again, in a real browser."""

import pytest

from deals.models import Sponsor
from tests.factories import make_campaign, make_sponsor, make_user

pytestmark = pytest.mark.browser


def test_two_spellings_are_merged_and_taken_apart(page, live_site):
    kept, twin = make_sponsor(name="Acme Foods"), make_sponsor(name="ACME-Foods Inc.")
    deal = make_campaign(sponsor=twin, name="Winter layers")
    live_site.login(page, make_user(role="salesperson"))

    page.goto(live_site.url("/admin/deals/sponsor/duplicates/"))
    page.get_by_role("button", name="Merge into Acme Foods").click()
    page.get_by_text("ACME-Foods Inc. is now Acme Foods.").first.wait_for()
    deal.refresh_from_db()
    assert deal.sponsor == kept

    page.get_by_role("button", name="Undo the merge").click()
    page.get_by_text("stands by itself again").first.wait_for()
    deal.refresh_from_db()
    assert deal.sponsor == twin
    assert Sponsor.objects.get(pk=twin.pk).merged_into is None
