"""Writes all records behind a number as CSV, a batch at a time, in a transaction of its own."""

import csv
import io
from collections.abc import Iterable, Iterator

from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.kpis.out.lines import BYTE_ORDER_MARK, GUARDED
from dashboard.kpis.proof import naming, rows
from dashboard.kpis.proof.naming import Named
from dashboard.kpis.proof.question import Question
from dashboard.kpis.proof.wording import measure

FIRST = ("record", "id", "organization", "month", "category", "region")


def lines(session: Session, question: Question) -> Iterator[str]:
    """Yield the file in pieces, inside the app's context. The request's session tells whose rows they are."""
    kpi = question.kpi
    subject = [kpi.facts.subject] if kpi.facts.subject else []
    bins = [kpi.facts.bin_unit or "value"] if kpi.kind == "median" else []
    titles = [measure(name) for name in question.measures]
    yield BYTE_ORDER_MARK + _written(
        [[*FIRST, *subject, *bins, *titles, "status", "reason", "changed since"]]
    )
    own = db.session.session_factory()
    own.info.update(session.info)
    try:
        for batch in rows.walk(own, question):
            named = naming.name(own, kpi.facts, batch)
            yield _written(_cells(one, question) for one in named)
    finally:
        own.close()


def _cells(one: Named, question: Question) -> list[object]:
    row, kpi = one.row, question.kpi
    return [
        *(one.title, row.record_id, one.organization, f"{row.month:%Y-%m}", one.category, row.region),
        *([one.subject] if kpi.facts.subject else []),
        *([row.bin] if kpi.kind == "median" else []),
        *(row.measures[name] for name in question.measures),
        *(row.status, row.reason, "yes" if row.is_changed else ""),
    ]


def _written(lines_: Iterable[Iterable[object]]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows([_guarded(cell) for cell in line] for line in lines_)
    return file.getvalue()


def _guarded(cell: object) -> object:
    """Text that a spreadsheet would run as a formula stays text; numbers are numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(GUARDED) else cell
