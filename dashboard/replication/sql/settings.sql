SELECT name, setting, coalesce(unit, '') AS unit, context, pending_restart
FROM pg_settings
WHERE name = ANY(%(names)s)
