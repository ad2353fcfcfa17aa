"""The SQL of the first migration: facts in two parts, their reference checks, the daily view and its refresh.

Names are not qualified: a migration runs with the tenant's schema first in the path, and functions look names up when
they are called. Plain DROP without IF EXISTS, since a guard would look into other schemas too.
"""

SEQUENCE = "CREATE SEQUENCE episode_codes AS integer MAXVALUE 8388607"
DROP_SEQUENCE = "DROP SEQUENCE episode_codes CASCADE"

# The four codes of a key fit into 64 bits (metrics/facts.py): 15 for the day, 23, 8 and 18 for the rest.
FACTS = """
INSERT INTO metric_breakdowns (code, dimension, value) VALUES (0, 'total', '');
INSERT INTO metrics_daily_refreshes (refresh_id, batch_code) VALUES (gen_random_uuid(), 0);
CREATE TABLE listener_metrics (
  downloads bigint CHECK (downloads >= 0),
  listeners bigint CHECK (listeners >= 0),
  conversions bigint CHECK (conversions >= 0),
  revenue_cents bigint CHECK (revenue_cents >= 0),
  completion_ppm integer CHECK (completion_ppm BETWEEN 0 AND 1000000),
  ctr_ppm integer CHECK (ctr_ppm BETWEEN 0 AND 1000000),
  batch_code integer NOT NULL,
  day date NOT NULL CHECK (day >= '2000-01-01' AND day < '2089-01-01'),
  episode_code integer NOT NULL,
  breakdown_code integer NOT NULL CHECK (breakdown_code < 262144),
  source_code smallint NOT NULL CHECK (source_code < 256),
  CONSTRAINT listener_metrics_pkey PRIMARY KEY (day, episode_code, source_code, breakdown_code)
) PARTITION BY LIST (breakdown_code);
CREATE TABLE listener_metrics_totals PARTITION OF listener_metrics FOR VALUES IN (0);
CREATE TABLE listener_metrics_breakdowns PARTITION OF listener_metrics DEFAULT;
"""
DROP_FACTS = """
DROP TABLE listener_metrics;
"""

# One look at the distinct codes of a statement instead of four a row. FOR KEY SHARE keeps a parent from vanishing
# before the commit. The other direction: an episode or source with facts cannot be deleted.
REFERENCES = """
CREATE FUNCTION check_fact_references() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE missing integer;
BEGIN
  SELECT n.code INTO missing FROM (SELECT DISTINCT episode_code AS code FROM written) n
    WHERE NOT EXISTS (SELECT FROM episodes p WHERE p.code = n.code FOR KEY SHARE) LIMIT 1;
  IF FOUND THEN RAISE foreign_key_violation USING MESSAGE = format('no episode has the code %s', missing); END IF;
  SELECT n.code INTO missing FROM (SELECT DISTINCT source_code AS code FROM written) n
    WHERE NOT EXISTS (SELECT FROM metric_sources p WHERE p.code = n.code FOR KEY SHARE) LIMIT 1;
  IF FOUND THEN RAISE foreign_key_violation USING MESSAGE = format('no source has the code %s', missing); END IF;
  SELECT n.code INTO missing FROM (SELECT DISTINCT breakdown_code AS code FROM written) n
    WHERE NOT EXISTS (SELECT FROM metric_breakdowns p WHERE p.code = n.code FOR KEY SHARE) LIMIT 1;
  IF FOUND THEN RAISE foreign_key_violation USING MESSAGE = format('no breakdown has the code %s', missing); END IF;
  SELECT n.code INTO missing FROM (SELECT DISTINCT batch_code AS code FROM written) n
    WHERE NOT EXISTS (SELECT FROM metric_batches p WHERE p.code = n.code FOR KEY SHARE) LIMIT 1;
  IF FOUND THEN RAISE foreign_key_violation USING MESSAGE = format('no batch has the code %s', missing); END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER facts_inserted AFTER INSERT ON listener_metrics REFERENCING NEW TABLE AS written
  FOR EACH STATEMENT EXECUTE FUNCTION check_fact_references();
CREATE TRIGGER facts_updated AFTER UPDATE ON listener_metrics REFERENCING NEW TABLE AS written
  FOR EACH STATEMENT EXECUTE FUNCTION check_fact_references();

CREATE FUNCTION keep_what_facts_need() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_TABLE_NAME = 'episodes' THEN
    IF EXISTS (SELECT FROM gone g JOIN listener_metrics f ON f.episode_code = g.code) THEN
      RAISE foreign_key_violation USING MESSAGE = 'this episode has listener figures'; END IF;
  ELSIF EXISTS (SELECT FROM gone g JOIN listener_metrics f ON f.source_code = g.code) THEN
    RAISE foreign_key_violation USING MESSAGE = 'this source has listener figures';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER episode_has_facts AFTER DELETE ON episodes REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION keep_what_facts_need();
CREATE TRIGGER source_has_facts AFTER DELETE ON metric_sources REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION keep_what_facts_need();
"""
DROP_REFERENCES = """
DROP TRIGGER source_has_facts ON metric_sources;
DROP TRIGGER episode_has_facts ON episodes;
DROP FUNCTION keep_what_facts_need();
DROP TRIGGER facts_updated ON listener_metrics;
DROP TRIGGER facts_inserted ON listener_metrics;
DROP FUNCTION check_fact_references();
"""

# The totals are the rollup: one row a day, episode and source already, shown here under the ids that people use.
DAILY = """
CREATE VIEW metrics_daily_rollup AS
  SELECT f.day, e.episode_id, e.podcast_id, s.name AS source, f.downloads, f.listeners,
    (f.completion_ppm / 1000000.0)::numeric(7, 6) AS completion_rate, (f.ctr_ppm / 1000000.0)::numeric(7, 6) AS ctr,
    f.conversions, f.revenue_cents, b.recorded_at AS last_updated
  FROM listener_metrics_totals f
  JOIN episodes e ON e.code = f.episode_code
  JOIN metric_sources s ON s.code = f.source_code
  JOIN metric_batches b ON b.code = f.batch_code;
CREATE MATERIALIZED VIEW metrics_daily AS SELECT * FROM metrics_daily_rollup;
CREATE UNIQUE INDEX ux_metrics_daily_day_ep_source ON metrics_daily (day, episode_id, source);
CREATE INDEX ix_metrics_daily_day ON metrics_daily (day);
CREATE INDEX ix_metrics_daily_episode ON metrics_daily (episode_id);
CREATE INDEX ix_metrics_daily_podcast ON metrics_daily (podcast_id);
"""
DROP_DAILY = """
DROP MATERIALIZED VIEW metrics_daily;
DROP VIEW metrics_daily_rollup;
"""

# Says what it did: 'clean' when nothing was written since, 'busy' when another refresh is at it, 'refreshed'.
REFRESH = """
CREATE FUNCTION refresh_metrics_daily() RETURNS text LANGUAGE plpgsql AS $$
DECLARE newest integer;
BEGIN
  SELECT coalesce(max(code), 0) INTO newest FROM metric_batches;
  IF EXISTS (SELECT FROM metrics_daily_refreshes WHERE batch_code >= newest) THEN RETURN 'clean'; END IF;
  IF NOT pg_try_advisory_xact_lock(hashtext('refresh_metrics_daily'), hashtext(current_schema())) THEN
    RETURN 'busy';
  END IF;
  REFRESH MATERIALIZED VIEW CONCURRENTLY metrics_daily;
  UPDATE metrics_daily_refreshes SET batch_code = newest, refreshed_at = now();
  RETURN 'refreshed';
END $$;
"""
DROP_REFRESH = "DROP FUNCTION refresh_metrics_daily()"
