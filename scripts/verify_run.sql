-- Is everything there that the product needs? Raises an exception that lists what is missing; changes nothing.
-- Run it after a migration, a rollback or a restore: python -m tracker.stack psql -f scripts/verify_run.sql
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = notice;

DO $$
DECLARE
    house record;
    name text;
    missing text[] := '{}';
    tables text[] := ARRAY[
        'podcasts', 'episodes', 'sponsors', 'campaigns', 'ad_units', 'io_bookings', 'matches', 'etl_imports',
        'listener_metrics', 'metrics_daily_rollup', 'users', 'roles', 'api_keys', 'django_session',
        'events_outbox', 'job_runs', 'insertion_orders', 'makegoods', 'django_migrations'
    ];
    columns text[] := ARRAY[
        'campaigns.campaign_id', 'campaigns.stage', 'campaigns.stage_changed_at', 'campaigns.campaign_value', 'campaigns.notes',
        'ad_units.ad_unit_id', 'ad_units.podcast_id', 'ad_units.name', 'ad_units.position', 'ad_units.duration_seconds',
        'io_bookings.io_id', 'io_bookings.campaign_id', 'io_bookings.ad_unit_id', 'io_bookings.episode_id',
        'io_bookings.flight_start', 'io_bookings.flight_end', 'io_bookings.booked_impressions',
        'io_bookings.booked_cpm_cents', 'io_bookings.promo_code', 'io_bookings.vanity_url', 'io_bookings.status',
        'matches.match_id', 'matches.advertiser_id', 'matches.podcast_id', 'matches.score', 'matches.rationale',
        'matches.signals', 'etl_imports.import_id', 'etl_imports.source', 'etl_imports.file_name',
        'etl_imports.status', 'etl_imports.records_imported', 'etl_imports.records_failed',
        'etl_imports.error_message', 'etl_imports.started_at', 'etl_imports.completed_at', 'etl_imports.metadata',
        'podcasts.podcast_id', 'episodes.episode_id', 'sponsors.sponsor_id'
    ];
    view_columns text[] := ARRAY[
        'day', 'episode_id', 'podcast_id', 'source', 'downloads', 'listeners', 'completion_rate', 'ctr', 'conversions',
        'revenue_cents', 'last_updated'
    ];
BEGIN
    FOREACH name IN ARRAY ARRAY['tenants', 'domains', 'django_content_type', 'auth_permission',
                                'django_celery_beat_periodictask', 'django_migrations'] LOOP
        IF to_regclass(format('public.%I', name)) IS NULL THEN
            missing := missing || format('table public.%s', name);
        END IF;
    END LOOP;
    IF missing <> '{}' THEN
        RAISE EXCEPTION 'Missing: %', array_to_string(missing, ', ');
    END IF;

    -- A table name in both places would let a tenant without it read and write public's.
    FOR name IN
        SELECT DISTINCT t.tablename FROM pg_tables t
        JOIN tenants h ON h.schema_name = t.schemaname
        JOIN pg_tables p ON p.schemaname = 'public' AND p.tablename = t.tablename
        WHERE t.tablename <> 'django_migrations'
    LOOP
        missing := missing || format('table %s stands both in public and in a tenant', name);
    END LOOP;

    FOR house IN SELECT schema_name FROM tenants WHERE status IN ('active', 'suspended') ORDER BY schema_name LOOP
        IF to_regnamespace(quote_ident(house.schema_name)) IS NULL THEN
            missing := missing || format('schema %s', house.schema_name);
            CONTINUE;
        END IF;
        FOREACH name IN ARRAY tables LOOP
            IF to_regclass(format('%I.%I', house.schema_name, name)) IS NULL THEN
                missing := missing || format('table %s.%s', house.schema_name, name);
            END IF;
        END LOOP;
        FOREACH name IN ARRAY columns LOOP
            IF NOT EXISTS (
                SELECT 1 FROM information_schema.columns c
                WHERE c.table_schema = house.schema_name
                  AND c.table_name = split_part(name, '.', 1) AND c.column_name = split_part(name, '.', 2)
            ) THEN
                missing := missing || format('column %s.%s', house.schema_name, name);
            END IF;
        END LOOP;
        IF NOT EXISTS (SELECT 1 FROM pg_matviews m
                       WHERE m.schemaname = house.schema_name AND m.matviewname = 'metrics_daily' AND m.ispopulated) THEN
            missing := missing || format('filled materialized view %s.metrics_daily', house.schema_name);
        ELSE
            FOREACH name IN ARRAY view_columns LOOP
                IF NOT EXISTS (
                    SELECT 1 FROM pg_attribute a
                    WHERE a.attrelid = to_regclass(format('%I.metrics_daily', house.schema_name)) AND a.attname = name
                ) THEN
                    missing := missing || format('column %s.metrics_daily.%s', house.schema_name, name);
                END IF;
            END LOOP;
        END IF;
        IF NOT EXISTS (
            SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
            WHERE c.relnamespace = to_regnamespace(quote_ident(house.schema_name))
              AND c.relname = 'ux_metrics_daily_day_ep_source' AND i.indisunique AND i.indisvalid
        ) THEN
            missing := missing || format('unique index %s.ux_metrics_daily_day_ep_source', house.schema_name);
        END IF;
        IF to_regprocedure(format('%I.refresh_metrics_daily()', house.schema_name)) IS NULL THEN
            missing := missing || format('function %s.refresh_metrics_daily()', house.schema_name);
        END IF;
        -- Two bookings of one slot are refused by the database itself.
        IF NOT EXISTS (SELECT 1 FROM pg_constraint k
                       WHERE k.connamespace = to_regnamespace(quote_ident(house.schema_name)) AND k.contype = 'x') THEN
            missing := missing || format('exclusion constraint on slots in %s', house.schema_name);
        END IF;
        -- The audit trail is kept by triggers.
        FOREACH name IN ARRAY ARRAY['campaigns', 'io_bookings', 'users'] LOOP
            IF NOT EXISTS (SELECT 1 FROM pg_trigger t
                           WHERE t.tgrelid = to_regclass(format('%I.%I', house.schema_name, name))
                             AND NOT t.tgisinternal AND t.tgname LIKE 'pgtrigger_%' AND t.tgenabled <> 'D') THEN
                missing := missing || format('audit trigger on %s.%s', house.schema_name, name);
            END IF;
        END LOOP;
        IF EXISTS (SELECT 1 FROM pg_constraint k
                   WHERE k.connamespace = to_regnamespace(quote_ident(house.schema_name)) AND NOT k.convalidated) THEN
            missing := missing || format('a constraint of %s is not validated', house.schema_name);
        END IF;
    END LOOP;

    IF missing <> '{}' THEN
        RAISE EXCEPTION 'Missing: %', array_to_string(missing, ', ');
    END IF;
    RAISE NOTICE 'verified: public and % tenants', (SELECT count(*) FROM tenants WHERE status IN ('active', 'suspended'));
END
$$;
