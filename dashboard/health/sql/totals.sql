SELECT
    pg_database_size(current_database())::bigint AS database_bytes,
    (SELECT sum(idx_blks_hit)::bigint FROM pg_statio_user_indexes) AS index_blocks_hit,
    (SELECT sum(idx_blks_read)::bigint FROM pg_statio_user_indexes) AS index_blocks_read
