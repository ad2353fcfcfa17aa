"""What `manage.py check` says of this machine."""

from typing import Any

from django.core.checks import CheckMessage, Warning, register

from tracker.lib.fonts import missing_scripts


@register(deploy=True)
def fonts_for_every_name(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Name the scripts that orders would print as empty boxes, with the packages that mend it."""
    missing = missing_scripts()
    if not missing:
        return []
    packages = " ".join(sorted(set(missing.values())))
    return [
        Warning(
            f"No font on this machine draws {', '.join(missing)}: such names are empty boxes in PDFs.",
            hint=f"Debian: apt-get install fontconfig {packages}",
            id="bookings.W001",
        )
    ]
