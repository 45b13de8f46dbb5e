"""Owns the pages about a record's past: its timeline, the record as it was, going back."""

from datetime import UTC, datetime
from typing import Any

from flask import flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm.exc import StaleDataError

from dashboard.audit.queries import put_away_until
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, NotFoundError
from dashboard.core.filters import viewer_zone
from dashboard.core.web import can
from dashboard.records import as_of, history, reverting
from dashboard.records.constraint_errors import explain
from dashboard.records.details import title_of
from dashboard.records.reverting import Plan
from dashboard.records.spec import Spec

MOMENT_FORMAT = "%Y-%m-%dT%H:%M:%S"


def may_go_back(spec: Spec, record: Any) -> bool:
    """Whether this person may take changes of this record back now."""
    return spec.allows("edit") and not getattr(record, "deleted_at", None) and not spec.lock_reason(record)


def show(spec: Spec, record: Any) -> ResponseReturnValue:
    """Show a page of the timeline, all kinds or one."""
    kinds = history.sources()
    kind = request.args.get("kind", "")
    kind = kind if kind in {source.kind for source in kinds} else ""
    before = _moment(request.args.get("before", ""))
    timeline = history.read(db.session(), spec, record, viewer_zone(), kind=kind, before=before)
    return render_template(
        "records/history.html",
        spec=spec,
        record=record,
        title=title_of(spec, record),
        timeline=timeline,
        kinds=kinds,
        kind=kind,
        before=before,
        away=put_away_until(db.session()),
        may_go_back=may_go_back(spec, record),
    )


def show_past(spec: Spec, record: Any) -> ResponseReturnValue:
    """Show the record as it was at a moment or right after a change, beside what it is now."""
    session, zone = db.session(), viewer_zone()
    entry_id, text = _number("entry"), request.args.get("at", "")
    moment, error, status = None, "", 200
    if entry_id:
        entry = reverting.find_entry(session, spec, record.id, entry_id)
        moment, since = entry.at, as_of.after_entry(entry.id)
    else:
        moment = _moment(text)
        if text and moment is None:
            error, status = "This is not a date and time.", 422
        since = as_of.after(moment or datetime.now(zone))
    away = put_away_until(session)
    if moment and away and moment < away:
        error, status = (
            f"Changes until {away.astimezone(zone):%d %b %Y %H:%M} were put away: ask for later.",
            422,
        )
        moment = None
    page = render_template(
        "records/as_of.html",
        spec=spec,
        record=record,
        title=title_of(spec, record),
        moment=moment,
        entry_id=entry_id,
        at=text or (moment.astimezone(zone).strftime(MOMENT_FORMAT) if moment else ""),
        error=error,
        past=as_of.compare(session, spec, record.id, since, zone) if moment else None,
        may_go_back=may_go_back(spec, record),
    )
    return page, status


def revert(spec: Spec, record: Any) -> ResponseReturnValue:
    """Say what going back changes and what it cannot (GET), do it (POST)."""
    if getattr(record, "deleted_at", None):
        raise ConflictError(f"This {spec.noun} is deleted.", fix="Restore it first.")
    session, title = db.session(), title_of(spec, record)
    key = request.values.get("field", "")
    entry_id = _number("entry")
    entry = reverting.find_entry(session, spec, record.id, entry_id)
    plan = (
        reverting.plan_field(session, spec, record, entry, key, viewer_zone())
        if key
        else reverting.plan_version(session, spec, record, entry, viewer_zone())
    )
    if request.method == "GET":
        return render_template(
            "records/revert.html", spec=spec, record=record, title=title, plan=plan, entry=entry, field=key
        )
    return _carry_out(spec, record, plan, title)


def _carry_out(spec: Spec, record: Any, plan: Plan, title: str) -> ResponseReturnValue:
    row_id = record.id
    if spec.versioned and request.form.get("version") != str(record.version):
        raise ConflictError(
            f"“{title}” was changed meanwhile; nothing was put back.", fix="Look again first."
        )
    if not plan.row_count:
        raise ConflictError("There is nothing to put back.", fix="It is as it was, or must stay as it is.")
    try:
        reverting.carry_out(db.session(), spec, record, plan, f"{plan.title}: {title}"[:200])
        db.session.commit()
    except StaleDataError:
        db.session.rollback()
        message = f"“{title}” was changed at this moment; nothing was put back."
        raise ConflictError(message, fix="Look again first.") from None
    except DBAPIError as error:
        tables = {spec.entity: spec.columns} | {child.entity: child.columns for child in spec.children}
        refusal = explain(error, tables)
        db.session.rollback()
        if refusal is None:
            raise
        raise ConflictError(f"Nothing was put back. {refusal.message}") from error
    flash(f"Put back: {plan.title}. It can be undone under Changes.", "success")
    return redirect(spec.url("details_view", id=row_id))


def for_details(spec: Spec, record: Any, limit: int) -> dict[str, Any]:
    """What the record's page shows of its timeline; nothing to people who may not see it."""
    if not can(f"records.{spec.entity}.history"):
        return {"timeline": None}
    timeline = history.read(db.session(), spec, record, viewer_zone(), limit=limit)
    return {"timeline": timeline, "kinds": history.sources(), "may_go_back": may_go_back(spec, record)}


def _number(name: str) -> int:
    text = request.values.get(name, "")
    if not text:
        return 0
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise NotFoundError("There is no such change.")
    return int(text)


def _moment(text: str) -> datetime | None:
    """A moment in the viewer's zone, or with its own offset; None where it cannot be read."""
    try:
        found = datetime.fromisoformat(text.strip())
        return (found if found.tzinfo else found.replace(tzinfo=viewer_zone())).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
