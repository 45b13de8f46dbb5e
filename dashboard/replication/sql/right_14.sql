-- PostgreSQL 14 can give this right to nobody but superusers.
SELECT coalesce(bool_or(rolsuper), false) AS may
FROM pg_roles
WHERE rolname = %(login)s
