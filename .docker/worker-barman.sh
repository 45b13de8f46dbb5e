#!/bin/sh
# A worker that drives Barman: the same password file as Barman's own container.
set -eu
umask 077
printf 'primary:5432:*:steward_backup:%s\n' "$STEWARD_BACKUP_PASSWORD" > "$HOME/.pgpass"
exec python -m dashboard.worker "$@"
