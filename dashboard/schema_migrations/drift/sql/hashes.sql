-- One hash for each schema over all it consists of; the same as definition.hash_of makes of the objects.
, hashes AS (
    SELECT clean.namespace, encode(sha256(convert_to(string_agg(
        concat_ws(E'\x1f', clean.kind, clean.name, clean.body) || E'\x1e', ''
        ORDER BY clean.kind COLLATE "C", clean.name COLLATE "C", clean.body COLLATE "C"), 'UTF8')), 'hex') AS hash
    FROM clean GROUP BY clean.namespace
)
SELECT w.schema, hashes.hash FROM hashes JOIN wanted AS w ON w.oid = hashes.namespace
