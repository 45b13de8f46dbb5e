-- What holds for everybody: what the probe's own session or login has set says nothing about the server.
SELECT
    name,
    coalesce(setting, '') AS value,
    coalesce(unit, '') AS unit,
    source,
    coalesce(sourcefile || ':' || sourceline, '') AS source_file,
    pending_restart
FROM pg_settings
WHERE source NOT IN ('client', 'user', 'database', 'database user', 'session', 'interactive', 'test')
    AND name NOT LIKE 'transaction\_%'
    AND name NOT IN ('is_superuser', 'session_authorization', 'role', 'seed', 'pg_trgm.similarity_threshold')
UNION ALL
SELECT
    concat_ws(' ', 'role ' || r.rolname, 'in ' || d.datname, split_part(s.setting, '=', 1)),
    substr(s.setting, strpos(s.setting, '=') + 1),
    '',
    'ALTER ROLE or ALTER DATABASE',
    '',
    false
FROM pg_db_role_setting AS x
CROSS JOIN unnest(x.setconfig) AS s (setting)
LEFT JOIN pg_roles AS r ON r.oid = x.setrole
LEFT JOIN pg_database AS d ON d.oid = x.setdatabase
ORDER BY 1
