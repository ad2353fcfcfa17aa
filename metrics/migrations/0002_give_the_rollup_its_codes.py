"""The daily rollup also tells each episode's code, by which the key of the facts is walked for a few shows alone.

The key begins with the day, so figures of one show are found by stepping over days and codes. Who does not ask when a
figure was told no longer pays for looking it up: a batch is always there, which only an outer join lets be left out.
"""

from django.db import migrations, models

from metrics.migrations import _facts_sql as facts_sql

FORWARD = """
CREATE OR REPLACE VIEW metrics_daily_rollup AS
  SELECT f.day, e.episode_id, e.podcast_id, s.name AS source, f.downloads, f.listeners,
    (f.completion_ppm / 1000000.0)::numeric(7, 6) AS completion_rate, (f.ctr_ppm / 1000000.0)::numeric(7, 6) AS ctr,
    f.conversions, f.revenue_cents, b.recorded_at AS last_updated, f.episode_code
  FROM listener_metrics_totals f
  JOIN episodes e ON e.code = f.episode_code
  JOIN metric_sources s ON s.code = f.source_code
  LEFT JOIN metric_batches b ON b.code = f.batch_code;
"""
# A column of a view goes only with the view, and with what is made of it.
BACK = facts_sql.DROP_DAILY + facts_sql.DAILY


class Migration(migrations.Migration):
    dependencies = [("metrics", "0001_initial")]

    operations = [
        migrations.RunSQL(FORWARD, BACK),
        migrations.AddField("dailyrollup", "episode_code", models.IntegerField(default=0), preserve_default=False),
    ]
