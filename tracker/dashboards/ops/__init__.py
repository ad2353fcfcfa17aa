"""The page of those who run the house: what is coming, did the data arrive, did the jobs run, what goes wrong."""

from tracker.dashboards.cards import Card
from tracker.dashboards.ops.alerts import ALERTS
from tracker.dashboards.ops.etl import ETL_HEALTH
from tracker.dashboards.ops.jobs import JOBS
from tracker.dashboards.ops.pipeline import PIPELINE_FORECAST
from tracker.dashboards.ops.win_loss import WIN_LOSS

CARDS: list[Card] = [PIPELINE_FORECAST, WIN_LOSS, ETL_HEALTH, JOBS, ALERTS]
