SELECT name, setting AS value, coalesce(unit, '') AS unit, source, pending_restart
FROM pg_settings
WHERE name = ANY(%(names)s)
ORDER BY name
