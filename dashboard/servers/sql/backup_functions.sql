-- What Barman calls. The backup functions were renamed in PostgreSQL 15.
DO $rights$
DECLARE
    routine regprocedure;
BEGIN
    FOR routine IN
        SELECT oid FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace
          AND proname IN (
              'pg_backup_start', 'pg_backup_stop', 'pg_start_backup', 'pg_stop_backup',
              'pg_switch_wal', 'pg_create_restore_point'
          )
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO steward_backup', routine);
    END LOOP;
END
$rights$;
