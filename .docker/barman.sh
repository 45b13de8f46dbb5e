#!/bin/sh
# Barman: keeps receiving WAL. `barman cron` every minute also enforces the retention.
set -eu
umask 077
printf 'primary:5432:*:steward_backup:%s\n' "$STEWARD_BACKUP_PASSWORD" > "$HOME/.pgpass"
while :; do
    barman -c /srv/steward/.docker/barman.conf cron
    sleep 60
done
