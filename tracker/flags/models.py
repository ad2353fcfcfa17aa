"""A tenant's own word on a feature: on or off; no row means the environment decides."""

import pghistory
from django.db import models
from django.utils.translation import gettext_lazy as _


@pghistory.track()
class FlagOverride(models.Model):
    """This house has switched a feature on or off for itself."""

    flag = models.CharField(max_length=64, primary_key=True)
    is_on = models.BooleanField(_("on"))
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "flag_overrides"

    def __str__(self) -> str:
        return f"{self.flag}: {'on' if self.is_on else 'off'}"
