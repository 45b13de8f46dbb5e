#!/bin/sh
# Run once by the official image in a new data folder: lets standbys, Barman and PgBouncer in.
set -eu
echo "host replication all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
