-- Reads of the same indexes on another server of the cluster: their numbers are the same there.
SELECT g.place, sum(pg_stat_get_numscans(g.id))::bigint AS scans
FROM unnest(%(ids)s::oid[], %(places)s::int[]) AS g (id, place)
GROUP BY 1
