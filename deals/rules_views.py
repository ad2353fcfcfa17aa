"""One page of rules: how stages count and age, when alerts are raised, what guards do."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from deals.board_views import FLAG
from deals.models import Campaign, GuardRule, StageRule
from deals.queries import guard_levels, stage_settings
from deals.rules import DEFAULT_STAGES, GUARDS
from tracker.flags.pages import flag_required

if TYPE_CHECKING:
    from deals.admin import CampaignAdmin

DAYS = ("expected_days", "alert_days", "stalled_days")


class StageRuleForm(forms.ModelForm):
    class Meta:
        model = StageRule
        fields = ("probability_percent", *DAYS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The columns and rows of the table say it to the eye; to the ear each field says it itself.
        stage = self.instance.get_stage_display()
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = f"{stage}: {field.label}"


@flag_required(FLAG)
@require_http_methods(["GET", "POST"])
def rules(request: HttpRequest, *, model_admin: "CampaignAdmin") -> HttpResponse:
    """Show the rules as they stand beside their defaults; those who may change them save all at once."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    may_change = request.user.has_perm("deals.change_stagerule")
    if request.method == "POST" and not may_change:
        raise PermissionDenied
    data = request.POST if request.method == "POST" else None
    settings, levels = stage_settings(), guard_levels()
    stages = [
        (Campaign.Stage(stage), default, _stage_form(stage, settings[stage], data))
        for stage, default in DEFAULT_STAGES.items()
    ]
    if data is not None and all(form.is_valid() for _stage, _default, form in stages):
        _save(stages, data)
        messages.success(request, _("The rules are saved."))
        return HttpResponseRedirect(reverse("admin:deals_campaign_rules"))
    context = {
        **model_admin.admin_site.each_context(request),
        "model_admin": model_admin,
        "title": _("Rules of the pipeline"),
        "stages": stages,
        "guards": [(guard, levels[guard.code]) for guard in GUARDS],
        "levels": GuardRule.Level.choices,
        "may_change": may_change,
    }
    return render(request, "deals/rules.html", context, status=400 if data is not None else 200)


def _stage_form(stage: str, setting: Any, data: Any) -> StageRuleForm:
    own = StageRule.objects.filter(pk=stage).first() or StageRule(stage=stage)
    for name in ("probability_percent", *DAYS):
        setattr(own, name, getattr(setting, name))
    return StageRuleForm(data, instance=own, prefix=stage)


@transaction.atomic
def _save(stages: list[tuple[Any, Any, StageRuleForm]], data: Any) -> None:
    """Keep what differs from the product's defaults; what equals them has no row."""
    for stage, default, form in stages:
        wanted = {name: form.cleaned_data[name] for name in ("probability_percent", *DAYS)}
        if wanted == {name: getattr(default, name) for name in wanted}:
            StageRule.objects.filter(pk=stage).delete()
        else:
            StageRule.objects.update_or_create(stage=stage, defaults=wanted)
    for guard in GUARDS:
        level = data.get(f"guard-{guard.code}", "")
        if level in GuardRule.Level.values:
            GuardRule.objects.update_or_create(code=guard.code, defaults={"level": level})
