#!/bin/sh
# A standby: copies the primary through its own slot at the first start, then follows it.
set -eu
export PGPASSFILE=/tmp/pgpass
umask 077
printf 'primary:5432:*:steward_replication:%s\n' "$STEWARD_REPLICATION_PASSWORD" > "$PGPASSFILE"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    pg_basebackup -D "$PGDATA" -R -C -S "$STANDBY_SLOT" -X stream --checkpoint=fast --no-password \
        -d "host=primary user=steward_replication passfile=$PGPASSFILE application_name=$STANDBY_NAME"
fi
exec postgres -c cluster_name="$STANDBY_NAME" -c hot_standby_feedback=on -c max_connections=200 \
    -c max_locks_per_transaction=1024 -c max_wal_senders=20 -c wal_receiver_timeout=8s \
    -c shared_preload_libraries=pg_stat_statements -c pg_stat_statements.track_utility=off
