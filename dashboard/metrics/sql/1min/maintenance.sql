-- tier: 1min, versions: 14-, roles: all
-- Maintenance under way, and settings that wait for a restart.
SELECT
    (SELECT count(*) FROM pg_stat_get_progress_info('VACUUM')) AS "maintenance.vacuums",
    (SELECT count(*) FROM pg_stat_get_progress_info('ANALYZE')) AS "maintenance.analyzes",
    (SELECT count(*) FROM pg_stat_get_progress_info('CREATE INDEX')) AS "maintenance.index_builds",
    (SELECT count(*) FROM pg_stat_get_progress_info('BASEBACKUP')) AS "maintenance.base_backups",
    (SELECT count(*) FROM pg_show_all_settings() WHERE pending_restart) AS "settings.waiting_for_restart"
