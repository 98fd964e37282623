-- What PostgreSQL gives to everybody and a tenant's analyst has no use for.

DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO stormplay_kernel, stormplay_broker', current_database());
END $$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
REVOKE USAGE ON LANGUAGE sql FROM PUBLIC;
GRANT USAGE ON LANGUAGE plpgsql, sql TO stormplay_owner, stormplay_sec;

-- Functions by which one tenant could signal, watch, measure or block another.
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN
        SELECT p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE n.nspname = 'pg_catalog' AND (
               p.proname ~ '^pg_(try_)?advisory_' OR p.proname ~ '^(lo_|be_lo_)' OR p.proname IN ('loread', 'lowrite')
            OR p.proname IN ('pg_notify', 'pg_sleep', 'pg_sleep_for', 'pg_sleep_until', 'pg_database_size', 'pg_tablespace_size',
                'pg_relation_size', 'pg_total_relation_size', 'pg_table_size', 'pg_indexes_size',
                'pg_relation_filepath', 'pg_relation_filenode', 'pg_export_snapshot', 'pg_current_logfile',
                'pg_listening_channels', 'pg_lock_status', 'pg_cursor', 'pg_prepared_xact', 'pg_blocking_pids',
                'pg_safe_snapshot_blocking_pids', 'query_to_xml', 'table_to_xml', 'cursor_to_xml',
                'database_to_xml', 'schema_to_xml', 'query_to_xmlschema', 'query_to_xml_and_xmlschema')
            OR p.proname ~ '^pg_stat_get_' OR p.proname ~ '^pg_stat_reset')
           AND p.prokind = 'f'
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $$;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_get_activity(integer) TO stormplay_sec;
