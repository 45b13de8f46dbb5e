-- Against leaves filled to nine tenths, as a fresh index is.
SELECT
    index_size::bigint AS bytes,
    greatest(0, 1 - CASE WHEN leaf_pages = 0 THEN 0.9 ELSE avg_leaf_density / 100 END
        * leaf_pages / greatest(leaf_pages + empty_pages + deleted_pages, 1) / 0.9)::float8 AS share
FROM {schema}.pgstatindex(%(id)s::oid::regclass)
