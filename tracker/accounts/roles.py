"""The roles that every tenant starts with. They are data: administrators may change what a role grants."""

from tracker.accounts.models import Role

Code = Role.Code

# "app.*" grants all of an app, "app.act_thing" one act. Acts without a model of their own are named by their app.
DEFAULT_ROLES: dict[str, dict[str, object]] = {
    Code.ADMINISTRATOR: {"name": "Administrator", "is_staff": True, "permissions": ["*"]},
    Code.SALES_MANAGER: {
        "name": "Sales manager",
        "is_staff": True,
        "permissions": [
            "metrics.*",
            "deals.*",
            "bookings.*",
            "matchmaking.*",
            "etl.*",
            "dashboards.*",
            "automation.view_jobrun",
            "events.view_event",
            "accounts.view_user",
        ],
    },
    Code.SALESPERSON: {
        "name": "Salesperson",
        "is_staff": True,
        "permissions": [
            *(f"metrics.{act}_{thing}" for thing in ("podcast", "episode") for act in ("view", "add", "change")),
            "metrics.view_dailymetric",
            "metrics.view_dailyrollup",
            *(
                f"deals.{act}_{thing}"
                for thing in ("campaign", "sponsor", "agency", "contact", "brand", "activity", "comment", "task")
                for act in ("view", "add", "change")
            ),
            *(
                f"bookings.{act}_{thing}"
                for thing in ("adunit", "iobooking", "insertionorder", "makegood")
                for act in ("view", "add", "change")
            ),
            "bookings.export_pdf",
            "matchmaking.view_match",
            "matchmaking.recalculate_match",
            "etl.view_import",
            "etl.add_import",
            "dashboards.view_creator",
            "dashboards.view_advertiser",
        ],
    },
    Code.CREATOR: {
        "name": "Creator",
        "bound_to": "podcast",
        "permissions": [
            "metrics.view_podcast",
            "metrics.view_episode",
            "bookings.view_adunit",
            "bookings.view_iobooking",
            "bookings.view_makegood",
            "dashboards.view_creator",
        ],
    },
    Code.ADVERTISER: {
        "name": "Advertiser",
        "bound_to": "sponsor",
        "permissions": [
            "deals.view_sponsor",
            "bookings.view_iobooking",
            "bookings.view_insertionorder",
            "bookings.export_pdf",
            "matchmaking.view_match",
            "dashboards.view_advertiser",
        ],
    },
    Code.OPS: {
        "name": "Ops",
        "is_staff": True,
        "permissions": [
            "metrics.*",
            "etl.*",
            "automation.*",
            "events.*",
            "dashboards.view_ops",
            "dashboards.view_creator",
            "deals.view_campaign",
            "deals.view_sponsor",
            "bookings.view_adunit",
            "bookings.view_iobooking",
            "bookings.view_makegood",
            "matchmaking.view_match",
            "matchmaking.recalculate_match",
        ],
    },
}


def ensure_roles() -> None:
    """Make the roles that are missing in the entered tenant. One that is there keeps what administrators made of it."""
    for code, fields in DEFAULT_ROLES.items():
        Role.objects.get_or_create(code=code, defaults=fields)
