-- Rights inside the ERP database. Granted per database: a new one does not inherit them.
ALTER SCHEMA public OWNER TO steward_owner;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO PUBLIC;

DO $rights$
DECLARE
    routine regprocedure;
BEGIN
    -- With these one SELECT could change role or path, or run a text as a query.
    FOR routine IN
        SELECT oid FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace
          AND (proname = 'set_config' OR proname ~ '^(query|cursor|table|schema|database)_to_xml')
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', routine);
    END LOOP;
END
$rights$;

-- pg_dump, pg_restore, vacuumdb and pg_amcheck set their search_path with it.
GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean)
    TO steward_owner, steward_backup, steward_monitor;

-- Of the server's settings the owner may change one: for whom commits wait. Without it only a superuser could
-- let frozen commits go on. PostgreSQL 14 cannot grant it; the page then gives the statement to run.
GRANT EXECUTE ON FUNCTION pg_catalog.pg_reload_conf() TO steward_owner;

DO $rights$
BEGIN
    IF current_setting('server_version_num')::int >= 150000 THEN
        EXECUTE 'GRANT ALTER SYSTEM ON PARAMETER synchronous_standby_names TO steward_owner';
    END IF;
END
$rights$;
