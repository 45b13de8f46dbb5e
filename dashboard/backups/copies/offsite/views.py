"""The buttons of the off-site copy; its section is on the copies page."""

from flask import Blueprint, redirect
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.backups import reviewing
from dashboard.core.web import requires
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url

pages = Blueprint("offsite", __name__)


@pages.post("/database/backups/copies/offsite/copy")
@requires(reviewing.RUN)
def copy() -> ResponseReturnValue:
    """Copy what is new, now."""
    return _asked("backups.copy_offsite")


@pages.post("/database/backups/copies/offsite/prove")
@requires(reviewing.RUN)
def prove() -> ResponseReturnValue:
    """Fetch and restore the newest copy, now."""
    return _asked("backups.prove_offsite")


def _asked(job: str) -> ResponseReturnValue:
    email: str = current_user.email  # type: ignore[attr-defined]
    return redirect(run_url(jobs.enqueue(job, actor=email)))
