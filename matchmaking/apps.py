from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MatchmakingConfig(AppConfig):
    name = "matchmaking"
    label = "matchmaking"
    verbose_name = _("Matches")

    def ready(self) -> None:
        from matchmaking import automation, subscribers  # noqa: F401
