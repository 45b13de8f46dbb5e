-- Reads only the pages that the visibility map does not vouch for.
SELECT table_len::bigint AS bytes, ((dead_tuple_percent + approx_free_percent) / 100)::float8 AS share
FROM {schema}.pgstattuple_approx(%(id)s::oid::regclass)
