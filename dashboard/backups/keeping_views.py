"""How backups are kept: the page, and the buttons to verify, keep and release one."""

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.backups import queries, reviewing, safekeeping, verifying
from dashboard.core.web import requires
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url

pages = Blueprint("keeping", __name__)


def _server() -> str:
    server: str = current_app.extensions["steward_settings"].backup_server
    return server


@pages.get("/database/backups/keeping/")
@requires(reviewing.VIEW)
def page() -> ResponseReturnValue:
    """Retention and what goes next, encryption and its proof, the source, the newest verdicts."""
    reading, agreed, server = safekeeping.get_policy(), safekeeping.agreed_policy(), _server()
    facts = safekeeping.facts_of(reading)
    return render_template(
        "backups/keeping.html",
        reading=reading,
        agreed=agreed,
        facts=facts,
        kept=facts.get("kept", []),
        findings=safekeeping.judge(reading, agreed),
        departures=safekeeping.list_departures(server),
        newest=queries.find_newest(server),
        verdicts=verifying.list_verdicts(server),
        proven_at=safekeeping.find_encryption_proof(server),
    )


@pages.post("/database/backups/<backup_id>/verify")
@requires(reviewing.RUN)
def verify(backup_id: str) -> ResponseReturnValue:
    """Ask for a verification."""
    asked = jobs.enqueue("backups.verify", {"backup_id": backup_id}, actor=_actor())
    return redirect(run_url(asked))


@pages.post("/database/backups/<backup_id>/keep")
@requires(reviewing.RUN)
def keep(backup_id: str) -> ResponseReturnValue:
    """Ask that retention leaves a backup alone."""
    return _ask_to_keep(backup_id, released=False)


@pages.post("/database/backups/<backup_id>/release")
@requires(reviewing.RUN)
def release(backup_id: str) -> ResponseReturnValue:
    """Ask that retention has a backup again."""
    return _ask_to_keep(backup_id, released=True)


def _ask_to_keep(backup_id: str, *, released: bool) -> ResponseReturnValue:
    jobs.enqueue("backups.keep", {"backup_id": backup_id, "released": released}, actor=_actor())
    word = "released" if released else "kept"
    flash(f"{backup_id} is being {word}; the page shows it within a few seconds.", "info")
    return redirect(url_for("keeping.page"))


def _actor() -> str:
    email: str = current_user.email  # type: ignore[attr-defined]
    return email
