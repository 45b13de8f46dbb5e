-- Whether any command is under way that counts its steps: planning the six views costs more than all the rest.
SELECT
    EXISTS (SELECT FROM pg_stat_get_progress_info('VACUUM'))
    OR EXISTS (SELECT FROM pg_stat_get_progress_info('ANALYZE'))
    OR EXISTS (SELECT FROM pg_stat_get_progress_info('CREATE INDEX'))
    OR EXISTS (SELECT FROM pg_stat_get_progress_info('CLUSTER'))
    OR EXISTS (SELECT FROM pg_stat_get_progress_info('COPY'))
    OR EXISTS (SELECT FROM pg_stat_get_progress_info('BASEBACKUP')) AS busy
