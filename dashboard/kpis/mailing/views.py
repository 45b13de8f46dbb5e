"""The pages of mailings: what is sent to whom and how that went; set up, changed, left."""

from datetime import UTC, datetime
from http import HTTPStatus

from flask import Blueprint, current_app, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.jobs import service as runs
from dashboard.kpis import filters
from dashboard.kpis.mailing import queries, service, timing
from dashboard.kpis.mailing.composing import page_path
from dashboard.kpis.mailing.forms import MailingForm
from dashboard.kpis.mailing.queries import EDIT, VIEW
from dashboard.kpis.models import KpiMailing
from dashboard.kpis.pages.service import PAGES

blueprint = Blueprint("insights_mailings", __name__, url_prefix="/t/<tenant>/insights/mailings")
ONE = "/<int(max=9223372036854775807):mailing_id>"
NAMES = f"any({', '.join(PAGES)})"
JOB = "insights.mail"


@blueprint.get("/")
@requires(VIEW)
def page() -> ResponseReturnValue:
    """What is mailed to whom, when it goes out next, and what went wrong."""
    readers = {name: queries.readers(g.tenant.slug, name) for name in PAGES}
    rows = [
        {
            "mailing": mailing,
            "title": _title(mailing.page),
            "address": _address(mailing),
            "people": queries.names(queries.addresses(mailing), readers.get(mailing.page, {})),
            "is_mine": current_user.email in queries.addresses(mailing),
        }
        for mailing in queries.list_mailings(db.session())
    ]
    return render_template(
        "kpis/mail/mailings.html", rows=rows, rhythms=timing.WORDS, has_server=_has_server()
    )


@blueprint.route(
    "/new/<any(overview, suppliers, market, sourcing, stock, sales):name>", methods=["GET", "POST"]
)
@requires(EDIT)
def new(name: str) -> ResponseReturnValue:
    """Set up that a page is mailed, with the filters of this address."""
    return _edit(None, name, request.args.to_dict())


@blueprint.route(ONE, methods=["GET", "POST"])
@requires(EDIT)
def mailing(mailing_id: int) -> ResponseReturnValue:
    """Change to whom and when."""
    found = queries.get_mailing(db.session(), mailing_id)
    return _edit(found, found.page, found.filters)


def _edit(found: KpiMailing | None, name: str, asked: dict[str, str]) -> ResponseReturnValue:
    selection = filters.read(db.session(), asked)  # an address that cannot be read is said now, not at night
    form = MailingForm()
    owner = found.owner if found else current_user.email
    form.offer(queries.readers(g.tenant.slug, name), found, str(queries.zone_of(owner)))
    status = HTTPStatus.OK
    if request.method == "GET":
        form.fill(found, current_user.email)
    elif form.validate_on_submit() and _save(found, form, name, asked):
        flash(f"{_title(name)} is mailed {timing.WORDS[form.every.data]}.", "success")
        return redirect(url_for("insights_mailings.page"))
    else:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    values = {
        "form": form,
        "mailing": found,
        "title": _title(name),
        "selection": selection,
        "has_server": _has_server(),
    }
    return render_template("kpis/mail/mailing.html", **values), status


def _save(found: KpiMailing | None, form: MailingForm, name: str, asked: dict[str, str]) -> bool:
    session = db.session()
    try:
        wanted = form.wanted(name, asked)
        service.save(session, found, wanted, owner=current_user.email, now=datetime.now(UTC))
        session.commit()
    except InvalidInputError as error:
        session.rollback()
        form.recipients.errors = [error.message]
        return False
    return True


@blueprint.post(f"{ONE}/<any(pause, resume, send):action>")
@requires(EDIT)
def act(mailing_id: int, action: str) -> ResponseReturnValue:
    """Pause, resume, or have it sent at once."""
    session, now = db.session(), datetime.now(UTC)
    found = queries.get_mailing(session, mailing_id)
    if action == "pause":
        service.pause(session, found)
    elif action == "resume":
        service.resume(session, found, now)
    else:
        service.send_now(session, found, now)
    session.commit()
    if action == "send":
        runs.enqueue(JOB, {}, actor=current_user.email)
    words = {"pause": "It is paused.", "resume": "It is in use again.", "send": "It is on its way."}
    flash(words[action], "success")
    return redirect(url_for("insights_mailings.page"))


@blueprint.route(f"{ONE}/leave", methods=["GET", "POST"])
@requires(VIEW)
def leave(mailing_id: int) -> ResponseReturnValue:
    """Get it no more: where the link in the mail leads."""
    session = db.session()
    found = queries.get_mailing(session, mailing_id)
    title = _title(found.page)
    if request.method == "GET":
        is_mine = current_user.email in queries.addresses(found)
        return render_template("kpis/mail/leave.html", mailing=found, title=title, is_mine=is_mine)
    service.leave(session, found, current_user.email)
    session.commit()
    flash(f"You do not get {title} by mail any more.", "success")
    return redirect(url_for("insights_mailings.page"))


@blueprint.route(f"{ONE}/delete", methods=["GET", "POST"])
@requires(EDIT)
def delete(mailing_id: int) -> ResponseReturnValue:
    """Ask, then delete it."""
    session = db.session()
    found = queries.get_mailing(session, mailing_id)
    title = _title(found.page)
    if request.method == "GET":
        people = queries.addresses(found)
        return render_template("kpis/mail/delete.html", mailing=found, title=title, people=people)
    session.delete(found)
    session.commit()
    flash(f"{title} is not mailed any more.", "success")
    return redirect(url_for("insights_mailings.page"))


def _has_server() -> bool:
    settings: Settings = current_app.extensions["steward_settings"]
    return bool(settings.smtp_url)


def _address(found: KpiMailing) -> str:
    return f"{url_for('insights.index')}{page_path(found.page)}"


def _title(name: str) -> str:
    return PAGES[name].title if name in PAGES else name
