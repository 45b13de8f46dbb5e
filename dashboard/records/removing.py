"""Owns deleting and restoring one record, asked on a page first."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

import sqlalchemy as sa
from flask import flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import func
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from dashboard.core.db import db
from dashboard.core.errors import ConflictError
from dashboard.records import registry
from dashboard.records.constraint_errors import explain
from dashboard.records.details import title_of
from dashboard.records.spec import Spec

COUNTED = 1_001


def delete(spec: Spec, record: object) -> ResponseReturnValue:
    """Say what deleting means (GET), do it (POST)."""
    title = title_of(spec, record)
    if getattr(record, "deleted_at", None):
        raise ConflictError(f"“{title}” is deleted already.", fix="You can restore it from its page.")
    if request.method == "GET":
        users = used_by(db.session(), spec, record)
        return render_template("records/delete.html", spec=spec, record=record, title=title, users=users)
    if spec.soft_delete:
        record.deleted_at = func.clock_timestamp()  # type: ignore[attr-defined]
    else:
        db.session.delete(record)
    _commit(spec, title)
    flash(f"“{title}” was deleted.", "success")
    return redirect(_list_as_left(spec))


def _list_as_left(spec: Spec) -> str:
    """The list with the filters it was left with, which the page's script sends along."""
    left = urlencode(parse_qsl(request.form.get("list_search", "").lstrip("?"), keep_blank_values=True))
    return f"{spec.url('index_view')}?{left}" if left else spec.url("index_view")


def used_by(session: Session, spec: Spec, record: Any) -> list[tuple[str, int, str]]:
    """What refers to a record: title, how many (counted up to a bound), and the list narrowed to them."""
    found = []
    for screen in registry.screens():
        other = screen.spec
        if not other.allows("view"):
            continue
        for key, column in other.columns.items():
            if not column.reference or column.reference.entity != spec.entity:
                continue
            rows = sa.select(other.table.c.id).where(other.table.c[key] == record.id)
            if other.soft_delete:
                rows = rows.where(other.table.c.deleted_at.is_(None))
            count = session.scalar(sa.select(func.count()).select_from(rows.limit(COUNTED).subquery())) or 0
            if count:
                found.append((other.title, count, f"{other.url('index_view')}?{key}={record.id}"))
    return found


def restore(spec: Spec, record: object) -> ResponseReturnValue:
    """Bring a deleted record back."""
    title, row_id = title_of(spec, record), record.id  # type: ignore[attr-defined]
    if not spec.soft_delete or getattr(record, "deleted_at", None) is None:
        raise ConflictError(f"“{title}” is not deleted.", fix="There is nothing to restore.")
    record.deleted_at = None  # type: ignore[attr-defined]
    _commit(spec, title)
    flash(f"“{title}” was restored.", "success")
    return redirect(spec.url("details_view", id=row_id))


def _commit(spec: Spec, title: str) -> None:
    """Commit, or say why the database refuses."""
    try:
        db.session.commit()
    except StaleDataError:
        db.session.rollback()
        raise ConflictError(
            f"“{title}” was changed by someone else just now.", fix="Look at it again first."
        ) from None
    except DBAPIError as error:
        refusal = explain(error, {spec.entity: spec.columns})
        db.session.rollback()
        if refusal is None:
            raise
        raise ConflictError(f"“{title}” was not changed. {refusal.message}") from error
