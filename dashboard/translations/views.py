"""Pages of translations: storing those of a record, how complete each language is, what is missing."""

from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from dashboard.core.db import db
from dashboard.core.errors import ConflictError, ForbiddenError, NotFoundError
from dashboard.core.menu import MenuItem, register_menu
from dashboard.core.web import can, requires
from dashboard.records import registry
from dashboard.records.columns import humanize
from dashboard.records.details import title_of
from dashboard.records.spec import Spec
from dashboard.translations import languages, panel, queries, service
from dashboard.translations.fields import fields_of, translatable

VIEW, EDIT = "records.translation.view", "records.translation.edit"
pages = Blueprint("translations", __name__, url_prefix="/t/<tenant>/records/translations")


def init_app(app: Flask) -> None:
    """Register the pages and the menu entry."""
    app.register_blueprint(pages)
    register_menu(
        app, MenuItem("records", "Translations", "translations.index", VIEW, "language", 880, "Tools")
    )


@pages.get("/")
@requires(VIEW)
def index() -> ResponseReturnValue:
    """How complete each language is, per kind of record and field."""
    session = db.session()
    used = languages.in_use(session)
    rows = [
        (_spec(entity, "view"), row)
        for entity in translatable()
        if can(f"records.{entity}.view")
        for row in queries.progress(session, entity, used)
    ]
    return render_template(
        "translations/index.html", rows=rows, used=used, name_of=languages.name_of, humanize=humanize
    )


@pages.get("/<entity>/<field>/<language>")
@requires(VIEW)
def missing(entity: str, field: str, language: str) -> ResponseReturnValue:
    """What is missing or stale in one language, with links to where it is typed."""
    spec = _spec(entity, "view")
    if field not in fields_of(entity):
        raise NotFoundError(f"{spec.title} have no such text to translate.")
    language = languages.parse(language)
    after = request.args.get("after", "0")
    start = int(after) if after.isascii() and after.isdecimal() and len(after) < 19 else 0
    found = queries.gaps(db.session(), entity, field, language, start)
    return render_template(
        "translations/missing.html",
        spec=spec,
        field=field,
        label=humanize(field),
        language=language,
        name=languages.name_of(language),
        gaps=found[: queries.PAGE],
        more=found[queries.PAGE - 1].record_id if len(found) > queries.PAGE else None,
    )


@pages.post("/<entity>/<int(max=9223372036854775807):record_id>")
@requires(EDIT)
def save(entity: str, record_id: int) -> ResponseReturnValue:
    """Store the texts of one language, or mark one as still right, or remove one."""
    spec = _spec(entity, "edit")
    record = _record(spec, record_id)
    language = service.demand_language(db.session(), record, request.form.get("language", ""))
    kept, removed = request.form.get("keep", ""), request.form.get("remove", "")
    # a button of one text must not throw away what was typed beside it
    if lost := _save_all(spec, record, language, removed):
        return _ask_again(spec, record_id, language, lost)
    message = f"The texts in {languages.name_of(language)} were saved."
    if kept:
        message = _keep(spec, record, language, kept)
    elif removed:
        message = _remove(spec, record, language, removed)
    db.session.commit()
    flash(message, "success")
    return redirect(spec.url("details_view", id=record_id, language=language, _anchor="translations"))


def _save_all(spec: Spec, record: Any, language: str, skipped: str) -> dict[str, str]:
    """Store what was typed; returns what others wrote meanwhile, by field, and then nothing is stored."""
    lost: dict[str, str] = {}
    for field in fields_of(spec.entity):
        if f"text_{field}" not in request.form or field == skipped:
            continue
        typed, seen = request.form[f"text_{field}"], request.form.get(f"seen_{field}", "")
        if typed.replace("\r\n", "\n").strip() == seen.replace("\r\n", "\n").strip():
            continue  # untouched: a stale text must not become current by saving its neighbour
        source = request.form.get(f"source_{field}", "")
        try:
            with db.session.begin_nested():
                service.save(
                    db.session(), spec.entity, record, language, field, typed, source_hash=source, seen=seen
                )
        except ConflictError as error:
            lost |= error.fields
        except (IntegrityError, StaleDataError):  # both saved in the same moment
            db.session.expire_all()
            row = queries.find(db.session(), spec.entity, record.id, language, field)
            lost[field] = row.text if row else ""
    return lost


def _ask_again(spec: Spec, record_id: int, language: str, lost: dict[str, str]) -> ResponseReturnValue:
    """Show both texts; nothing typed is lost, nothing of the others is overwritten unseen."""
    db.session.rollback()
    typed = {field: request.form.get(f"text_{field}", "") for field in fields_of(spec.entity)}
    fresh = _record(spec, record_id)
    html = panel.editor(spec, fresh, language, typed, lost)
    page = render_template(
        "translations/conflict.html", spec=spec, record=fresh, title=title_of(spec, fresh), editor=html
    )
    return page, ConflictError.status


def _keep(spec: Spec, record: Any, language: str, field: str) -> str:
    row = queries.find(db.session(), spec.entity, record.id, language, field)
    if row is None:
        raise ConflictError(
            "This translation has been removed meanwhile.", fix="Type it again if it is needed."
        )
    service.keep(db.session(), row, record)
    return f"{humanize(field)} in {languages.name_of(language)} counts as current again."


def _remove(spec: Spec, record: Any, language: str, field: str) -> str:
    row = queries.find(db.session(), spec.entity, record.id, language, field)
    service.remove(db.session(), row)
    return f"{humanize(field)} in {languages.name_of(language)} was removed."


def _record(spec: Spec, record_id: int) -> Any:
    record = db.session.get(spec.model, record_id)
    if record is None:
        raise NotFoundError(f"There is no {spec.noun} with the number {record_id}.")
    if getattr(record, "deleted_at", None):
        raise ConflictError(f"This {spec.noun} is deleted.", fix="Restore it before you translate it.")
    return record


def _spec(entity: str, action: str) -> Spec:
    screen = registry.find(entity)
    if screen is None or not fields_of(entity):
        raise NotFoundError("Records of this kind have no texts to translate.")
    if not can(f"records.{entity}.{action}"):
        raise ForbiddenError(f"Your roles do not include records.{entity}.{action}.")
    spec: Spec = screen.spec
    return spec
