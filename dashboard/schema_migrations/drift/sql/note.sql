-- Note what was read, unless the schema has moved since.
UPDATE public.schema_head AS h SET fingerprint = v.hash, fingerprinted_at = clock_timestamp()
FROM unnest(CAST(:schemas AS text []), CAST(:moved AS timestamptz []), CAST(:hashes AS text [])) AS v (schema_name, moved_at, hash)
WHERE h.schema_name = v.schema_name AND h.moved_at = v.moved_at
