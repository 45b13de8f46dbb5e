"""Owns deleting and restoring one record, asked on a page first."""

from flask import flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import func
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm.exc import StaleDataError

from dashboard.core.db import db
from dashboard.core.errors import ConflictError
from dashboard.records.constraint_errors import explain
from dashboard.records.details import title_of
from dashboard.records.spec import Spec


def delete(spec: Spec, record: object) -> ResponseReturnValue:
    """Say what deleting means (GET), do it (POST)."""
    title = title_of(spec, record)
    if getattr(record, "deleted_at", None):
        raise ConflictError(f"“{title}” is deleted already.", fix="You can restore it from its page.")
    if request.method == "GET":
        return render_template("records/delete.html", spec=spec, record=record, title=title)
    if spec.soft_delete:
        record.deleted_at = func.clock_timestamp()  # type: ignore[attr-defined]
    else:
        db.session.delete(record)
    _commit(spec, title)
    flash(f"“{title}” was deleted.", "success")
    return redirect(spec.url("index_view"))


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
