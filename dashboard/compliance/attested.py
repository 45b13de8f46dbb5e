"""What people attest because no server can show it: stating it, reading it, judging it by its expiry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select

from dashboard.audit.models import Operation
from dashboard.compliance.chain import FIRST, ChainState, Sealed, canonical, digest, examine
from dashboard.compliance.models import Attestation
from dashboard.compliance.registry import Link, State, Verdict, get_promise
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.core.filters import duration

EXPIRES_SOON = timedelta(days=30)
LONGEST = timedelta(days=3 * 366)
LOCK = "steward.attestation"
STATED = "attestation.state"
MOST_BYTES = 2 * 1024**2


@dataclass(frozen=True)
class Document:
    """A file that is kept beside a statement."""

    name: str
    kind: str
    content: bytes


@dataclass(frozen=True)
class Statement:
    """What somebody answers for: in words, by which source, as of when, and until when it counts."""

    promise: str
    words: str
    source: str
    stated_on: date
    expires_on: date
    document: Document | None = None


def state(statement: Statement, *, actor: str, now: datetime | None = None) -> Attestation:
    """Keep a statement for ever and log it. Flushes.

    Raises InvalidInputError (fields statement, source, stated_on, expires_on, document), ConflictError.
    """
    _check(statement, now or datetime.now(UTC))
    one_at_a_time(LOCK)
    last = db.session.scalar(select(Attestation).order_by(Attestation.number.desc()).limit(1))
    document = statement.document
    row = Attestation(
        number=last.number + 1 if last else 1,
        promise=statement.promise,
        statement=statement.words.strip(),
        source=statement.source.strip(),
        stated_on=statement.stated_on,
        expires_on=statement.expires_on,
        actor=actor,
        created_at=now or datetime.now(UTC),
        document_name=document.name if document else "",
        document_type=document.kind if document else "",
        document_sha256=digest(document.content) if document else "",
        document=document.content if document else None,
        previous_sha256=last.sha256 if last else FIRST,
    )
    row.sha256 = digest(content_of(row))
    db.session.add(row)
    db.session.flush()
    detail = {"number": row.number, "sha256": row.sha256, "expires_on": row.expires_on.isoformat()}
    db.session.add(Operation(actor=actor, action=STATED, target=row.promise, detail=detail))
    db.session.flush()
    return row


def one_at_a_time(name: str) -> None:
    """Let nobody else add to a chain until this transaction ends: two would follow the same link."""
    lock = select(func.pg_advisory_xact_lock(func.hashtext(name)))
    db.session.execute(lock, bind_arguments={"mapper": Attestation})


def _check(statement: Statement, now: datetime) -> None:
    if not get_promise(statement.promise).is_attested:
        raise ConflictError("This promise is shown by the servers: nobody needs to attest it.")
    problems = {}
    if not statement.words.strip():
        problems["statement"] = "Write what is true, as the source says it."
    if not statement.source.strip():
        problems["source"] = "Name the source: who said so, in which document."
    if statement.stated_on > now.date():
        problems["stated_on"] = "It cannot have been stated in the future."
    if statement.expires_on <= max(statement.stated_on, now.date()):
        problems["expires_on"] = "It must count for some time still: choose a later day."
    elif statement.expires_on - statement.stated_on > LONGEST:
        problems["expires_on"] = "Nothing stays true unseen for so long: three years at most."
    if statement.document and len(statement.document.content) > MOST_BYTES:
        problems["document"] = "The file is larger than 2 MiB."
    if problems:
        raise InvalidInputError("Nothing was attested.", fields=problems)


def content_of(row: Attestation) -> str:
    """The canonical text that is sealed; the file counts by its hash."""
    content: dict[str, Any] = {
        "kind": "steward-attestation",
        "number": row.number,
        "promise": row.promise,
        "statement": row.statement,
        "source": row.source,
        "stated_on": row.stated_on.isoformat(),
        "expires_on": row.expires_on.isoformat(),
        "actor": row.actor,
        "created_at": row.created_at.astimezone(UTC).isoformat(),
        "document_name": row.document_name,
        "document_type": row.document_type,
        "document_sha256": row.document_sha256,
        "previous_sha256": row.previous_sha256,
    }
    return canonical(content)


def list_statements(promise: str = "", limit: int = 100) -> Sequence[Attestation]:
    """The newest statements, of one promise or of all."""
    query = select(Attestation).order_by(Attestation.number.desc()).limit(limit)
    return db.session.scalars(query.where(Attestation.promise == promise) if promise else query).all()


def verdict(promise: str, now: datetime) -> Verdict:
    """Judge a promise by the newest statement: at risk a month before it expires, broken afterwards."""
    row = next(iter(list_statements(promise, 1)), None)
    if row is None:
        return Verdict(State.UNKNOWN, reason="Nobody has attested it yet.")
    ends = datetime.combine(row.expires_on, time.max, UTC)
    found = Verdict(
        State.ATTESTED,
        f"“{row.statement}”",
        "",
        row.created_at,
        f"Statement {row.number} of {row.actor}, source: {row.source}",
        Link("compliance.show", {"key": promise}),
    )
    if now > ends:
        return found.but(State.BROKEN, f"The statement expired on {row.expires_on:%-d %b %Y}.")
    if now > ends - EXPIRES_SOON:
        left = duration(ends - now).replace("\N{NO-BREAK SPACE}", " ")
        return found.but(State.AT_RISK, f"It expires on {row.expires_on:%-d %b %Y}, in {left}.")
    return found


def examine_chain() -> ChainState:
    """Follow the chain of statements, files included."""
    rows = db.session.scalars(
        select(Attestation).order_by(Attestation.number).execution_options(populate_existing=True)
    ).all()
    links = (Sealed(row.number, row.previous_sha256, row.sha256, _content_as_stored(row)) for row in rows)
    return examine(links, logged(STATED))


def _content_as_stored(row: Attestation) -> str:
    """A file that was exchanged counts as changed content."""
    document = db.session.scalar(select(Attestation.document).where(Attestation.number == row.number))
    if (digest(document) if document is not None else "") != row.document_sha256:
        return ""
    return content_of(row)


def logged(action: str) -> dict[int, str]:
    """The hash of each piece of evidence that the log of operations noted, by its number."""
    rows = db.session.scalars(select(Operation.detail).where(Operation.action == action))
    return {int(detail["number"]): str(detail["sha256"]) for detail in rows}
