"""Runs the shared history; everything it does is in dashboard.schema_migrations.histories."""

from dashboard.schema_migrations.histories import History, run

run(History.SHARED)
