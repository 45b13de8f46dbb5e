#!/bin/sh
# Roles, rights and extensions of both clusters, by the same code as the embedded stack; then migrations.
set -eu
python -m dashboard.servers.bootstrap
exec flask --app wsgi upgrade
