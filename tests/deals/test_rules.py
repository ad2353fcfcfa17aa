import pytest

from deals.models import GuardRule, StageRule
from deals.queries import guard_levels, stage_settings
from deals.rules import DEFAULT_STAGES, GUARDS
from tracker.flags.models import FlagOverride

PAGE = "/admin/deals/campaign/rules/"


def as_typed(**changes):
    """What the page sends when nothing was touched, with changes by field name ("lead-alert_days")."""
    typed = {}
    for stage, setting in DEFAULT_STAGES.items():
        for name in ("probability_percent", "expected_days", "alert_days", "stalled_days"):
            value = getattr(setting, name)
            typed[f"{stage}-{name}"] = "" if value is None else str(value)
    return {**typed, **{f"guard-{guard.code}": guard.level for guard in GUARDS}, **changes}


@pytest.fixture
def desk(tenant, client, login, sales_manager):
    FlagOverride.objects.create(flag="ENABLE_DEAL_PIPELINE", is_on=True)
    return login(client, sales_manager)


def test_the_page_shows_the_rules_beside_their_defaults(desk):
    page = desk.get(PAGE).content.decode()

    assert "usually 14" in page
    assert "The deal has no value yet." in page


def test_a_manager_changes_the_rules_and_changes_them_back(desk):
    desk.post(PAGE, as_typed(**{"lead-alert_days": "3", "proposal-expected_days": "", "guard-value_missing": "block"}))

    assert (stage_settings()["lead"].alert_days, stage_settings()["proposal"].expected_days) == (3, None)
    assert guard_levels()["value_missing"] == "block"
    assert sorted(StageRule.objects.values_list("stage", flat=True)) == ["lead", "proposal"]

    desk.post(PAGE, as_typed())
    assert stage_settings() == DEFAULT_STAGES
    assert not StageRule.objects.exists()
    assert guard_levels()["value_missing"] == "warn"


def test_a_wrong_figure_saves_nothing(desk):
    answer = desk.post(PAGE, as_typed(**{"lead-probability_percent": "101", "guard-value_missing": "block"}))

    assert answer.status_code == 400
    assert "less than or equal to 100" in answer.content.decode()
    assert not GuardRule.objects.exists()


def test_a_salesperson_reads_the_rules_and_changes_none(desk, login, salesperson):
    login(desk, salesperson)

    assert "Sales managers change these rules." in desk.get(PAGE).content.decode()
    assert desk.post(PAGE, as_typed(**{"lead-alert_days": "3"})).status_code == 403
    assert not StageRule.objects.exists()
