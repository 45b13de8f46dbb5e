"""Reports of all promises: what stands in one, sealing it behind the one before, following the chain."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import undefer

from dashboard.audit.models import Operation
from dashboard.compliance import attested, history
from dashboard.compliance.brought import KIND
from dashboard.compliance.chain import FIRST, ChainState, Sealed, canonical, digest, examine
from dashboard.compliance.facts import Facts
from dashboard.compliance.judging import Line, count, judge_all
from dashboard.compliance.models import PromiseReport, PromiseStanding
from dashboard.compliance.printing import print_report
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import NotFoundError

FORM = 1
LOCK, MADE = "steward.promise_report", "promise_report.make"
Json = dict[str, Any]


def make(config: Settings, *, actor: str, now: datetime | None = None) -> PromiseReport:
    """Judge all promises and keep the report for ever, with its PDF; log it. Flushes.

    Raises UnavailableError when the PDF cannot be set: then nothing is kept.
    """
    now = now or datetime.now(UTC)
    lines = judge_all(Facts(config, now))
    attested.one_at_a_time(LOCK)
    last = db.session.scalar(select(PromiseReport).order_by(PromiseReport.number.desc()).limit(1))
    counts = {state.value: number for state, number in count(lines).items()}
    content = canonical(
        {
            "kind": KIND,
            "form": FORM,
            "number": last.number + 1 if last else 1,
            "created_at": now.astimezone(UTC).isoformat(timespec="seconds"),
            "created_by": actor,
            "installation": config.url,
            "previous_sha256": last.sha256 if last else FIRST,
            "previous_pdf_sha256": last.pdf_sha256 if last else FIRST,
            "counts": counts,
            "promises": _promises(lines),
            "statements": _statements(),
        }
    )
    row = _seal(content, last, actor, now, counts)
    detail = {"number": row.number, "sha256": row.sha256, "pdf_sha256": row.pdf_sha256}
    db.session.add(Operation(actor=actor, action=MADE, target=f"report {row.number}", detail=detail))
    db.session.flush()
    return row


def _seal(content: str, last: PromiseReport | None, actor: str, now: datetime, counts: Json) -> PromiseReport:
    pdf = print_report(content, digest(content))
    row = PromiseReport(
        number=last.number + 1 if last else 1,
        content=content,
        sha256=digest(content),
        previous_sha256=last.sha256 if last else FIRST,
        pdf=pdf,
        pdf_sha256=digest(pdf),
        pdf_bytes=len(pdf),
        counts=counts,
        created_at=now,
        created_by=actor,
    )
    db.session.add(row)
    db.session.flush()
    return row


def _promises(lines: Sequence[Line]) -> list[Json]:
    standings = history.list_standings()
    return [_promise(line, standings.get(line.promise.key)) for line in lines]


def _promise(line: Line, standing: PromiseStanding | None) -> Json:
    verdict, held = line.verdict, line.held
    is_same = standing is not None and standing.state == line.state
    return {
        "key": line.promise.key,
        "area": line.promise.area.value,
        "title": line.title,
        "state": line.state.value,
        "since": _moment(standing.since if standing and is_same else None),
        "value": verdict.value,
        "reason": verdict.reason,
        "evidence": verdict.evidence,
        "evidence_at": _moment(verdict.evidence_at),
        "limits": line.limits,
        "owner": line.owner,
        "confirmed_on": held.confirmed_on.isoformat() if held.confirmed_on else None,
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None


def _statements() -> list[Json]:
    """The statements that reports rest on, by number and hash: so both chains are tied together."""
    return [
        {
            "number": row.number,
            "promise": row.promise,
            "source": row.source,
            "expires_on": row.expires_on.isoformat(),
            "sha256": row.sha256,
        }
        for row in reversed(attested.list_statements(limit=1000))
    ]


def list_reports(limit: int = 200) -> Sequence[PromiseReport]:
    """The newest reports, without their files."""
    query = select(PromiseReport).order_by(PromiseReport.number.desc()).limit(limit)
    return db.session.scalars(query).all()


def get_report(number: int) -> PromiseReport:
    """One report with its file. Raises NotFoundError."""
    wanted = [undefer(PromiseReport.content), undefer(PromiseReport.pdf)]
    row = db.session.get(PromiseReport, number, options=wanted)
    if row is None:
        raise NotFoundError("There is no report of that number.")
    return row


def examine_chain() -> ChainState:
    """Follow the chain of reports from the first on: contents, files, order, and the end."""
    columns = (
        PromiseReport.number,
        PromiseReport.previous_sha256,
        PromiseReport.sha256,
        PromiseReport.content,
        PromiseReport.pdf_sha256,
        PromiseReport.pdf,
    )
    rows = db.session.execute(select(*columns).order_by(PromiseReport.number)).all()
    links = (Sealed(row[0], row[1], row[2], row[3] if digest(row[5]) == row[4] else "") for row in rows)
    return examine(links, attested.logged(MADE))
