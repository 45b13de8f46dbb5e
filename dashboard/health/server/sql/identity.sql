-- Which server answers, and where it writes what. pg_settings leaves out what one may not see.
SELECT
    (SELECT setting FROM pg_settings WHERE name = 'cluster_name') AS cluster_name,
    (SELECT setting FROM pg_settings WHERE name = 'port') AS port,
    (SELECT setting FROM pg_settings WHERE name = 'data_directory') AS data_directory,
    (SELECT system_identifier::text FROM pg_control_system()) AS system_id,
    (SELECT setting FROM pg_settings WHERE name = 'ssl') = 'on' AS tls,
    current_setting('log_line_prefix') AS log_line_prefix,
    current_setting('log_timezone') AS log_timezone,
    current_setting('logging_collector') = 'on' AS collects_log,
    pg_is_in_recovery() AS in_recovery
