"""Owns where a run is shown: on the Database desk, or in the account of the person who started it."""

from flask import url_for

from dashboard.core.web import can
from dashboard.jobs.models import JobRun


def run_url(run: JobRun) -> str:
    """Address of a run's page for the current person; redirect there after enqueueing."""
    endpoint = "jobs.run_page" if can("database.jobs.view") else "jobs.own_run"
    return url_for(endpoint, run_id=run.id)
