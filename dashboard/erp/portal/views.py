"""The page of an invited supplier: no login, a signed link, one request and nothing else."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError
from werkzeug.datastructures import FileStorage

from dashboard.core.db import db
from dashboard.core.errors import ConflictError, DashboardError, InvalidInputError
from dashboard.core.web import public
from dashboard.erp.portal import access, reading, service
from dashboard.erp.portal.access import ClosedError, LinkVoidError, Visit
from dashboard.erp.quotes import queries as quotes
from dashboard.erp.sourcing import mails, queries
from dashboard.records.constraint_errors import explain
from dashboard.users import throttle

pages = Blueprint("portal", __name__, url_prefix="/s")
UNKNOWN = "supplier link"


def init_app(app: Flask) -> None:
    """Register the page."""
    app.register_blueprint(pages)


@pages.errorhandler(LinkVoidError)
def void(error: LinkVoidError) -> ResponseReturnValue:
    """Say why a link opens nothing; guessing is slowed down by address."""
    attempt = throttle.claim_attempt(UNKNOWN, request.remote_addr or "")
    page = render_template("erp/portal/void.html", error=error)
    if attempt.is_refused:
        headers = {"Retry-After": str(attempt.wait_seconds)}
        return page, HTTPStatus.TOO_MANY_REQUESTS, headers
    return page, error.status


@pages.errorhandler(ClosedError)
def closed(error: ClosedError) -> ResponseReturnValue:
    """Say that the buyer's side is closed; whoever comes here has a genuine link and guesses nothing."""
    return render_template("erp/portal/void.html", error=error), error.status


@pages.get("/")
@public
def answer() -> ResponseReturnValue:
    """Show the request with the form, or what became of it."""
    session, visit = db.session(), _enter()
    service.note_view(session, visit)
    session.commit()
    return _show(visit)


@pages.post("/")
@public
def save() -> ResponseReturnValue:
    """Save a draft or submit the quote; whatever is wrong, the page comes back as typed."""
    session, visit = db.session(), _enter()
    submitting = request.form.get("action") == "submit"
    quote = quotes.find_quote(session, visit.rfq.id, visit.supplier.id)
    lines = quotes.list_lines(session, quote.id) if quote else []
    asked = quotes.list_rfq_lines(session, visit.rfq.id)
    typed = reading.read(request.form, asked, lines, submitting=submitting)
    if not typed.is_valid:
        return _show(visit, typed), HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        service.save(session, visit, typed, submitting=submitting)
        session.commit()
    except DashboardError as error:
        session.rollback()
        return _show(_enter(), typed, error), error.status
    except DBAPIError as error:
        return _refused(error, typed)
    flash("Your quote was submitted." if submitting else "Your draft was saved.", "success")
    return _back()


@pages.post("/decline")
@public
def decline() -> ResponseReturnValue:
    """Decline the whole request."""
    session, visit = db.session(), _enter()
    try:
        service.decline(session, visit, request.form.get("reason", ""))
        session.commit()
    except (InvalidInputError, ConflictError) as error:
        session.rollback()
        return _show(_enter(), error=error), error.status
    flash("You declined this request. Thank you for telling us.", "success")
    return _back()


@pages.post("/files")
@public
def upload() -> ResponseReturnValue:
    """Add a file to the quote."""
    session, visit, given = db.session(), _enter(), request.files.get("file")
    try:
        _add(visit, given)
        session.commit()
    except DashboardError as error:
        session.rollback()
        return _show(_enter(), error=error), error.status
    flash("The file was added.", "success")
    return _back()


@pages.post("/files/<int(max=9223372036854775807):file_id>/remove")
@public
def remove(file_id: int) -> ResponseReturnValue:
    """Take one's own file back."""
    session, visit = db.session(), _enter()
    try:
        service.remove_file(session, visit, file_id)
        session.commit()
    except ConflictError as error:
        session.rollback()
        return _show(_enter(), error=error), error.status
    return _back()


def _enter() -> Visit:
    return access.enter(db.session(), request.args.get("key", "")[:500])


def _add(visit: Visit, given: FileStorage | None) -> None:
    if given is None or not given.filename:
        raise InvalidInputError("No file was chosen.", fix="Choose a file first.")
    service.add_file(db.session(), visit, given.filename, given.stream)


def _back() -> ResponseReturnValue:
    return redirect(url_for("portal.answer", key=request.args["key"]))


def _refused(error: DBAPIError, typed: reading.Answer) -> ResponseReturnValue:
    refusal = explain(error, {})
    db.session.rollback()
    if refusal is None:
        raise error
    return _show(_enter(), typed, ConflictError(refusal.message)), refusal.status


def _show(visit: Visit, typed: reading.Answer | None = None, error: DashboardError | None = None) -> str:
    session = db.session()
    quote = quotes.find_quote(session, visit.rfq.id, visit.supplier.id)
    lines = quotes.list_lines(session, quote.id) if quote else []
    asked = quotes.list_rfq_lines(session, visit.rfq.id)
    closed = queries.why_no_bids(session, visit.rfq)
    if quote is not None and quote.status in service.OVER:
        closed = closed or f"Your quote was {quote.status}."
    page: dict[str, Any] = {
        "visit": visit,
        "rfq": visit.rfq,
        "organization": visit.rfq.organization,
        "quote": quote,
        "answer": typed or reading.stored(asked, quote, lines, visit.rfq.currency),
        "closed": closed,
        "error": error,
        "deadline": mails.told(visit.rfq.deadline, visit.rfq.organization),
        "files": service.own_files(session, quote),
        "key": request.args.get("key", ""),
    }
    return render_template("erp/portal/answer.html", **page)
