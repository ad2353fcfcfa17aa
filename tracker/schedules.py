"""The default beat schedule, as data. Wiring: settings read it, the platform's admin may change the rows it makes.

job: a named job of every tenant. cron: minute and hour in UTC at which the dispatcher looks. step_minutes: the grid of
ticks; one run for each tenant, job and tick, however many beats there are. local_hour: run in the tenant's own hour.
"""

SCHEDULES: list[dict[str, object]] = [
    {"job": "refresh-metrics-daily", "minute": "0", "hour": "2", "step_minutes": 24 * 60},
    {"job": "recalculate-matches", "minute": "30", "hour": "2", "step_minutes": 24 * 60},
    {"job": "etl-health-check", "minute": "10", "hour": "*", "step_minutes": 60},
    {"job": "import-google-sheets", "minute": "20", "hour": "*", "step_minutes": 60},
    # What sweep_imports below does within seconds, with a run in each house's history.
    {"job": "reap-imports", "minute": "*/15", "hour": "*", "step_minutes": 15},
    {"job": "pipeline-alerts", "minute": "0", "hour": "*", "step_minutes": 60, "local_hour": 8},
    {"job": "desk-digest", "minute": "0", "hour": "*", "step_minutes": 60, "local_hour": 8},
    {"job": "delivery-digest", "minute": "0", "hour": "*", "step_minutes": 60, "local_hour": 8},
    {"job": "move-bookings", "minute": "5", "hour": "*", "step_minutes": 60},
    {"job": "late-copy", "minute": "15", "hour": "*", "step_minutes": 60},
    {"job": "settle-makegoods", "minute": "20", "hour": "*", "step_minutes": 60},
    {"job": "keep-delivery", "minute": "30", "hour": "4", "step_minutes": 24 * 60},
    {"job": "tidy-up", "minute": "40", "hour": "3", "step_minutes": 24 * 60},
    {"job": "retain-detail", "minute": "50", "hour": "3", "step_minutes": 24 * 60},
    {"job": "weekly-mails", "minute": "40", "hour": "*", "step_minutes": 60},
    {"job": "expire-holds", "minute": "*/5", "hour": "*", "step_minutes": 5},
    {"job": "drain-clicks", "minute": "*/5", "hour": "*", "step_minutes": 5},
]

# Tasks of the platform itself, in `public`: task name and seconds between two calls.
UPKEEP: list[tuple[str, int]] = [
    ("tracker.events.tasks.sweep_outboxes", 15),
    ("etl.tasks.sweep_imports", 15),
    ("metrics.tasks.sweep_daily_views", 15),
    ("tracker.automation.tasks.sweep_runs", 60),
    ("tracker.automation.tasks.heartbeat", 30),
    ("tracker.automation.tasks.fan_out_own_hours", 600),
    ("tracker.tenants.provisioning.erase_due", 3600),
]
