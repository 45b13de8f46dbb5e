SELECT i.indisvalid AND i.indisready, pg_get_indexdef(i.indexrelid)
FROM pg_index AS i
WHERE i.indexrelid = to_regclass(%(index)s)
