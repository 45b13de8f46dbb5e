-- What the strategy asks of the server itself.
SELECT
    current_setting('wal_level') AS wal_level,
    current_setting('archive_mode') AS archive_mode,
    current_setting('shared_preload_libraries') AS libraries,
    current_setting('max_locks_per_transaction')::int AS locks_per_transaction,
    current_setting('wal_sender_timeout')::interval <= interval '10 s'
    AND current_setting('wal_sender_timeout')::interval > interval '0' AS notices_silence
