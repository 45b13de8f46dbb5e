-- Those the strategy names, and whatever else is installed.
SELECT
    coalesce(a.name, w.name)::text AS name,
    a.default_version AS available,
    a.installed_version AS installed,
    w.name IS NOT NULL AS wanted,
    coalesce(v.trusted, false) AS trusted
FROM pg_available_extensions AS a
FULL JOIN unnest(%(wanted)s::text[]) AS w (name) ON w.name = a.name
LEFT JOIN pg_available_extension_versions AS v ON v.name = a.name AND v.version = a.default_version
WHERE w.name IS NOT NULL OR a.installed_version IS NOT NULL
ORDER BY wanted DESC, name
