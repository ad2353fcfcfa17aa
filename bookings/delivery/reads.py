"""The three statements behind pacing. Each reads for all lines of a set at once.

`{figures}` is the rollup, `{snapshots}` the downloads so far, `{whole}` the figures of whole shows: each as it stands,
or what was known of it at an earlier moment. Days are UTC days; ids and days come as arrays.
The hints of `FEW` name the codes of what is asked for: by them the key of the facts is stepped over, so that one show
does not cost what the whole house does. For many shows at once reading every day is cheaper, and they are left out.
"""

_CODES = "AND rollup.episode_code = ANY(ARRAY(SELECT code FROM episodes WHERE podcast_id = ANY(%({})s::uuid[])))"
FEW = {
    "of_shows": _CODES.format("shows"),
    "of_sales": _CODES.format("sales_shows"),
    # Read apart, so that they are not stepped over once for each episode.
    "of_episodes": """(
    SELECT rollup.episode_id, rollup.source, rollup.day, rollup.downloads FROM {figures} AS rollup
    WHERE rollup.episode_code = ANY(ARRAY(SELECT code FROM episodes WHERE episode_id = ANY(%(ids)s::uuid[])))
      AND rollup.day >= (SELECT min(first_day) FROM unnest(%(firsts)s::date[]) AS first_day) AND rollup.day < %(until)s
    OFFSET 0
)""",
}
MANY = {"of_shows": "", "of_sales": "", "of_episodes": "{figures}"}

# The figures as they stand, or as they stood: each is valid from the batch that told it to the one that restated it.
FIGURES = "metrics_daily_rollup"
FIGURES_KNOWN = """(
    SELECT kept.day, kept.episode_code, episodes.episode_id, episodes.podcast_id, metric_sources.name AS source,
           kept.downloads, kept.revenue_cents
    FROM (
        SELECT day, episode_code, source_code, downloads, revenue_cents, told.recorded_at AS since,
               NULL::timestamptz AS until
        FROM listener_metrics_totals JOIN metric_batches AS told ON told.code = batch_code
        UNION ALL
        SELECT day, episode_code, source_code, downloads, revenue_cents, told.recorded_at, restated.recorded_at
        FROM listener_metrics_replaced
        JOIN metric_batches AS told ON told.code = batch_code
        JOIN metric_batches AS restated ON restated.code = replaced_by
        WHERE breakdown_code = 0
    ) AS kept
    JOIN episodes ON episodes.code = kept.episode_code
    JOIN metric_sources ON metric_sources.code = kept.source_code
    WHERE kept.since <= %(known_at)s AND (kept.until IS NULL OR kept.until > %(known_at)s)
)"""

# What else hosts report. A place where something undone stood at the moment held that; else what stood there before the
# first step after the moment; else what stands there now.
_REPORTED_THEN = """(
    WITH told AS MATERIALIZED (
        SELECT DISTINCT ON (key) key, value FROM (
            SELECT key, held AS value, 0 AS rank, -step_id AS place FROM metric_report_steps
            WHERE kind = '{kind}' AND is_closed AND recorded_at <= %(known_at)s AND held_until > %(known_at)s
            UNION ALL
            SELECT key, before, 1, step_id FROM metric_report_steps
            WHERE kind = '{kind}' AND NOT is_closed AND recorded_at > %(known_at)s
        ) AS steps
        ORDER BY key, rank, place
    )
    SELECT {of_step} FROM told WHERE value IS NOT NULL
    UNION ALL
    SELECT {columns} FROM {table} AS kept WHERE NOT EXISTS (SELECT FROM told WHERE told.key = {key})
)"""
SNAPSHOTS = "metric_snapshots"
SNAPSHOTS_KNOWN = _REPORTED_THEN.format(
    kind="snapshot",
    table=SNAPSHOTS,
    columns="episode_id, source, window_days, as_of, downloads",
    of_step="""(key ->> 'episode')::uuid AS episode_id, key ->> 'source' AS source,
           (key ->> 'window')::int AS window_days, (key ->> 'as_of')::date AS as_of,
           (value #>> '{}')::bigint AS downloads""",
    key="""jsonb_build_object('episode', kept.episode_id, 'source', kept.source, 'window', kept.window_days,
        'as_of', to_char(kept.as_of, 'YYYY-MM-DD'))""",
)
WHOLE = "metric_show_figures"
WHOLE_KNOWN = _REPORTED_THEN.format(
    kind="show",
    table=WHOLE,
    columns="podcast_id, source, first_day, last_day, downloads",
    of_step="""(key ->> 'podcast')::uuid AS podcast_id, key ->> 'source' AS source,
           (key ->> 'first_day')::date AS first_day, (key ->> 'last_day')::date AS last_day,
           (value ->> 'downloads')::bigint AS downloads""",
    key="""jsonb_build_object('podcast', kept.podcast_id, 'source', kept.source,
        'first_day', to_char(kept.first_day, 'YYYY-MM-DD'), 'last_day', to_char(kept.last_day, 'YYYY-MM-DD'))""",
)
TOLD = {"figures": FIGURES, "snapshots": SNAPSHOTS, "whole": WHOLE}
TOLD_KNOWN = {"figures": FIGURES_KNOWN, "snapshots": SNAPSHOTS_KNOWN, "whole": WHOLE_KNOWN}

# One row: the sources of the shows as (show, source, days, last day), the pauses of the lines, the house's bands.
# A show that fell silent long ago is told by whatever was counted last.
SURVEY = """
WITH lately AS (
    SELECT podcast_id, source, count(DISTINCT day) AS days, max(day) AS last_day FROM {figures} AS rollup
    WHERE podcast_id = ANY(%(shows)s) AND day >= %(since)s AND day < %(until)s AND downloads IS NOT NULL
      {of_shows}
    GROUP BY podcast_id, source
), before AS (
    SELECT podcast_id, source, count(DISTINCT day) AS days, max(day) AS last_day FROM {figures} AS rollup
    WHERE podcast_id = ANY(ARRAY(SELECT unnest(%(shows)s) EXCEPT SELECT podcast_id FROM lately))
      AND day < %(since)s AND downloads IS NOT NULL {of_shows}
    GROUP BY podcast_id, source
), kept AS (
    SELECT podcast_id, source, count(DISTINCT as_of) AS days, max(as_of) AS last_day
    FROM {snapshots} AS snapshots JOIN episodes USING (episode_id)
    WHERE podcast_id = ANY(%(shows)s) AND as_of < %(until)s
    GROUP BY podcast_id, source
), whole AS (
    SELECT podcast_id, source, count(DISTINCT first_day) AS days, max(first_day) AS last_day
    FROM {whole} AS figures
    WHERE podcast_id = ANY(%(shows)s) AND first_day = last_day AND first_day < %(until)s AND downloads IS NOT NULL
    GROUP BY podcast_id, source
), sources AS (
    SELECT podcast_id, source, sum(days)::bigint AS days, max(last_day) AS last_day
    FROM (
        SELECT * FROM lately UNION ALL SELECT * FROM before UNION ALL SELECT * FROM kept UNION ALL SELECT * FROM whole
    ) AS told
    GROUP BY podcast_id, source
)
SELECT
    (SELECT json_agg(json_build_array(podcast_id, source, days, last_day))::text FROM sources),
    (SELECT json_agg(json_build_array(booking_id, starts_at, ends_at))::text
     FROM delivery_pauses WHERE booking_id = ANY(%(lines)s)),
    (SELECT json_build_array(watch_from_pct, on_track_from_pct, over_above_pct)::text FROM delivery_policy LIMIT 1)
"""

# The episodes of the lines' shows; and where a show has too few closed ones to learn its curve from, the last closed
# ones of the other shows that have most of them.
EPISODES = """
WITH own AS MATERIALIZED (
    SELECT episode_id, podcast_id, title, number, drops_at, is_published,
           (drops_at AT TIME ZONE 'UTC')::date AS drop_day
    FROM episodes
    WHERE (podcast_id = ANY(%(shows)s) AND drops_at >= %(since)s) OR episode_id = ANY(%(named)s)
), needy AS (
    SELECT max(days) AS days FROM (
        SELECT learning.days
        FROM unnest(%(learners)s::uuid[], %(windows)s::int[]) AS learning(podcast_id, days)
        LEFT JOIN own ON own.podcast_id = learning.podcast_id AND own.drop_day <= %(today)s - learning.days
        GROUP BY learning.podcast_id, learning.days
        HAVING count(own.episode_id) < %(few)s
    ) AS too_few
), closed AS (
    SELECT episode_id, podcast_id, title, number, drops_at, is_published,
           count(*) OVER (PARTITION BY podcast_id) AS in_show,
           row_number() OVER (PARTITION BY podcast_id ORDER BY drops_at DESC, episode_id) AS place
    FROM episodes CROSS JOIN needy
    WHERE drops_at >= %(taught_since)s AND drops_at < %(at)s - needy.days * interval '1 day'
      AND podcast_id NOT IN (SELECT podcast_id FROM own)
), helpers AS (
    SELECT podcast_id FROM closed GROUP BY podcast_id ORDER BY max(in_show) DESC, podcast_id LIMIT %(house_shows)s
)
SELECT episode_id, podcast_id, title, number, drops_at, is_published, FALSE AS is_helper FROM own
UNION ALL
SELECT episode_id, podcast_id, title, number, drops_at, is_published, TRUE FROM closed
WHERE place <= %(house_episodes)s AND podcast_id IN (SELECT podcast_id FROM helpers)
ORDER BY drops_at, episode_id
"""

# Rows (kind, id, source, days since the first one asked for, figures of those days); one statement reads those of these
# that are wanted: of single episodes by day, what was kept of them as downloads so far, of whole shows, and the sales
# that sources reported of shows, in cents. One span of days serves all shows: days beyond a show's own lines cost less
# than looking each show up by itself.
EPISODE_COUNTS = """
SELECT wanted.kind, wanted.id, wanted.source,
       array_agg(rollup.day - wanted.first_day ORDER BY rollup.day),
       array_agg(rollup.downloads::bigint ORDER BY rollup.day)
FROM unnest(%(kinds)s::text[], %(ids)s::uuid[], %(sources)s::text[], %(firsts)s::date[], %(days)s::int[])
  AS wanted(kind, id, source, first_day, days)
JOIN {of_episodes} AS rollup
  ON rollup.episode_id = wanted.id AND rollup.source = wanted.source
 AND rollup.day >= wanted.first_day AND rollup.day < wanted.first_day + wanted.days
 AND rollup.day < %(until)s AND rollup.downloads IS NOT NULL
GROUP BY wanted.kind, wanted.id, wanted.source
"""
KEPT_COUNTS = """
SELECT 'kept', id, source, array_agg(age ORDER BY age), array_agg(downloads ORDER BY age)
FROM (
    SELECT DISTINCT ON (wanted.id, wanted.source, ages.age) wanted.id, wanted.source, ages.age, kept.downloads
    FROM unnest(%(kinds)s::text[], %(ids)s::uuid[], %(sources)s::text[], %(days)s::int[])
      AS wanted(kind, id, source, days)
    JOIN {snapshots} AS kept ON kept.episode_id = wanted.id AND kept.source = wanted.source
    JOIN episodes ON episodes.episode_id = wanted.id
    CROSS JOIN LATERAL (
        SELECT kept.as_of - (episodes.drops_at AT TIME ZONE 'UTC')::date + 1 AS so_far
    ) AS old
    CROSS JOIN LATERAL (SELECT coalesce(kept.window_days::int, old.so_far) AS age) AS ages
    WHERE wanted.kind = 'episode' AND kept.as_of < %(until)s
      AND ages.age BETWEEN 1 AND wanted.days AND old.so_far >= ages.age
    ORDER BY wanted.id, wanted.source, ages.age, kept.as_of DESC
) AS of_snapshots
GROUP BY id, source
"""
SHOW_COUNTS = """
SELECT 'show', podcast_id, source, array_agg(day - %(first)s ORDER BY day), array_agg(downloads ORDER BY day)
FROM (
    SELECT podcast_id, source, day, sum(downloads)::bigint AS downloads FROM {figures} AS rollup
    WHERE podcast_id = ANY(%(shows)s) AND source = ANY(%(show_sources)s) AND day BETWEEN %(first)s AND %(last)s
      AND day < %(until)s AND downloads IS NOT NULL {of_shows}
    GROUP BY podcast_id, source, day
    UNION ALL
    SELECT podcast_id, source, first_day, downloads FROM {whole} AS whole
    WHERE podcast_id = ANY(%(shows)s) AND source = ANY(%(show_sources)s) AND first_day = last_day
      AND first_day BETWEEN %(first)s AND %(last)s AND first_day < %(until)s AND downloads IS NOT NULL
      AND NOT EXISTS (
        SELECT FROM {figures} AS rollup WHERE rollup.podcast_id = whole.podcast_id AND rollup.source = whole.source
          AND rollup.day = whole.first_day AND rollup.downloads IS NOT NULL)
) AS of_shows
GROUP BY podcast_id, source
"""
SALES = """
SELECT 'sales', podcast_id, source, array_agg(day - %(sales_first)s ORDER BY day), array_agg(cents ORDER BY day)
FROM (
    SELECT podcast_id, source, day, sum(revenue_cents)::bigint AS cents FROM {figures} AS rollup
    WHERE podcast_id = ANY(%(sales_shows)s) AND day BETWEEN %(sales_first)s AND %(sales_last)s
      AND revenue_cents IS NOT NULL {of_sales}
    GROUP BY podcast_id, source, day
) AS of_sales
GROUP BY podcast_id, source
"""
