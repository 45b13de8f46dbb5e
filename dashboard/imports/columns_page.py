"""Owns the page where the columns of a file get their meaning."""

from typing import Any

import sqlalchemy as sa
from flask import render_template

from dashboard.core.db import db
from dashboard.imports import files, reading, service
from dashboard.imports.cells import FACTORS
from dashboard.imports.models import ImportRun
from dashboard.imports.targets import Target, keys_of
from dashboard.records.columns import Column, Kind

SHOWN = 5
SUGGESTED = 50


def show(run: ImportRun, target: Target, error: str = "") -> str:
    """The page, with the first rows; a file that cannot be read says why and keeps its choices."""
    style = service.load_format(run)
    headings: list[str] = []
    rows: list[list[str]] = []
    sheets: list[str] = []
    try:
        with files.opened(db.session(), run.id) as path:
            sheets = reading.sheets(path, style)
            headings = reading.headings(path, style)
            rows = service.sample(path, style, SHOWN)
    except reading.FileInvalidError as problem:
        error = error or f"{problem.message} {problem.fix}"
    return render_template(
        "imports/columns.html",
        run=run,
        target=target,
        style=style,
        sheets=sheets,
        columns=[_column(run, index, name, rows) for index, name in enumerate(headings)],
        error=error,
        factors=FACTORS,
        words=reading,
        keys=[(",".join(key), _key_words(target, key)) for key in keys_of(target)],
        defaults=run.options.get("defaults", {}),
        unmapped=_unmapped(run, target),
        may_edit=target.allows("edit"),
    )


def _column(run: ImportRun, index: int, name: str, rows: list[list[str]]) -> dict[str, Any]:
    chosen = run.mapping.get(str(index), {})
    return {
        "index": index,
        "name": name or f"Column {index + 1}",
        "samples": [cells[index][:60] for cells in rows if index < len(cells) and cells[index]][:3],
        "column": chosen.get("column", ""),
        "factor": chosen.get("factor", ""),
        "round": chosen.get("round", ""),
        "is_reason": name == reading.REASON,
    }


def _key_words(target: Target, key: tuple[str, ...]) -> str:
    own = [name for name in key if name != "org_id"] or list(key)
    return " and ".join(target.all_columns[name].label for name in own)


def _unmapped(run: ImportRun, target: Target) -> list[dict[str, Any]]:
    """Columns that the file does not give, those a new record needs first."""
    given = {one.get("column") for one in run.mapping.values()}
    found = [
        {
            "column": column,
            "required": target.required(key) or key == "org_id",
            "choices": column.choices
            or ((("yes", "Yes"), ("no", "No")) if column.kind is Kind.BOOLEAN else ()),
            "suggested": _organizations(column) if key == "org_id" else [],
        }
        for key, column in target.columns.items()
        if key not in given
    ]
    return sorted(found, key=lambda one: not one["required"])


def _organizations(column: Column) -> list[str]:
    """The names to choose from; many are typed."""
    if column.reference is None:
        return []
    model = column.reference.model
    names = sa.select(model.name).where(model.deleted_at.is_(None)).order_by(model.name).limit(SUGGESTED)
    return list(db.session.scalars(names))
