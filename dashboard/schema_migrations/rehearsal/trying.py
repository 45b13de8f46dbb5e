"""Runs a plan's steps in one schema of a scratch server and measures them; knows no Flask and no session.

Nobody else uses the server, so what is measured is the work, not the waiting.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Self

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection
from sqlalchemy.exc import DBAPIError

from dashboard.schema_migrations.fleet.steps import Step
from dashboard.schema_migrations.rehearsal import locks
from dashboard.schema_migrations.rehearsal.locks import Relation

Tick = Callable[[], None]
# Runs a revision that could not be rendered, on the link and in its open transaction.
ByAlembic = Callable[[connection, str, Step], None]
TICK_SECONDS = 0.05
# How often the locks of a statement are looked at that holds none of them once it has ended.
LOOK_SECONDS = 0.002
APPLICATION = "steward-rehearsal"
SIZES = """
SELECT t.slug, t.schema_name, coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint AS bytes
FROM public.tenant t JOIN pg_namespace n ON n.nspname = t.schema_name
LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'm')
GROUP BY t.slug, t.schema_name ORDER BY bytes DESC, t.slug
"""
# Its details name the key only; other ones carry whole rows.
KEY_STATES = {"23503", "23505", "23P01"}


@dataclass(frozen=True)
class Held:
    """The strongest lock on one relation: how long it was held in milliseconds, since which statement."""

    relation: str
    mode: str
    statement: int
    held_ms: float


@dataclass
class Tried:
    """What a step took in one schema; a failed one carries PostgreSQL's words."""

    step: int
    revision: str
    milliseconds: float = 0.0
    wal_bytes: int = 0
    statements: list[float] = field(default_factory=list)
    locks: list[Held] = field(default_factory=list)
    rewritten: list[str] = field(default_factory=list)
    error: dict[str, Any] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """Return it as it is kept."""
        times = [round(ms, 2) for ms in self.statements]
        held = [vars(lock) | {"held_ms": round(lock.held_ms, 2)} for lock in self.locks]
        return vars(self) | {"milliseconds": round(self.milliseconds, 2), "statements": times, "locks": held}


class Trial:
    """One schema under trial, on a connection of its own. Use as a context manager."""

    def __init__(self, url: str, schema: str, by_alembic: ByAlembic, tick: Tick) -> None:
        self.url = url
        self.schema = schema
        self.by_alembic = by_alembic
        self.tick = tick

    def __enter__(self) -> Self:
        self.link = psycopg2.connect(self.url, application_name=APPLICATION)
        self.watcher = psycopg2.connect(self.url, application_name=APPLICATION)
        self.watcher.autocommit = True
        self.pool = ThreadPoolExecutor(max_workers=1)
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown()
        self.link.close()
        self.watcher.close()

    def run(self, step: Step) -> Tried:
        """Do one step and commit it; an error of PostgreSQL ends it and is kept, others are raised."""
        tried = Tried(step.number, step.revision)
        before = self._relations()
        begin = locks.wal_position(self.watcher)
        try:
            held = self._inside(step, tried, before) if _has_transaction(step) else self._alone(step, tried)
            tried.locks = _as_held(held, before, tried.statements)
        except (psycopg2.Error, DBAPIError) as error:
            self.link.rollback()
            tried.error = error_row(error, step, len(tried.statements))
        tried.milliseconds = sum(tried.statements)
        tried.wal_bytes = max(locks.wal_position(self.watcher) - begin, 0)
        tried.rewritten = locks.rewritten(before, self._relations())
        return tried

    def _relations(self) -> dict[int, Relation]:
        with self.watcher.cursor() as at:
            return locks.read_relations(at, self.schema)

    def _inside(self, step: Step, tried: Tried, before: dict[int, Relation]) -> dict[int, tuple[str, int]]:
        """Do a step in one transaction, asking after each statement what the backend holds."""
        self.link.autocommit = False
        held: dict[int, tuple[str, int]] = {}
        with self.link.cursor() as at:
            at.execute(sql.SQL("SET LOCAL search_path TO {}, public").format(sql.Identifier(self.schema)))
        works: list[Callable[[], None]] = [lambda: self.by_alembic(self.link, self.schema, step)]
        if step.statements:
            works = [self._execution(statement) for statement in step.statements]
        for number, work in enumerate(works):
            tried.statements.append(0.0)
            tried.statements[-1] = self._timed(work) if step.statements else _timed(work)
            with self.link.cursor() as at:
                now = locks.read_held(at, self.link.info.backend_pid, before)
            for oid, mode in now.items():
                if oid not in held or locks.STRENGTH[mode] > locks.STRENGTH[held[oid][0]]:
                    held[oid] = (mode, number)
        self._note_version(step)
        tried.statements[-1] += _timed(self.link.commit)
        return held

    def _alone(self, step: Step, tried: Tried) -> dict[int, tuple[str, int]]:
        """Do a statement outside a transaction, looking from beside at what it holds meanwhile."""
        before = self._relations()
        self.link.autocommit = True
        with self.link.cursor() as at:
            at.execute(sql.SQL("SET search_path TO {}, public").format(sql.Identifier(self.schema)))
        seen: list[tuple[int, str]] = []

        def look() -> None:
            with self.watcher.cursor() as at:
                seen.extend(locks.read_held(at, self.link.info.backend_pid, before).items())

        for statement in step.statements:
            tried.statements.append(0.0)
            tried.statements[-1] = self._timed(self._execution(statement), look)
        self.link.autocommit = False
        self._note_version(step)
        self.link.commit()
        return {oid: (mode, 0) for oid, mode in locks.strongest(seen).items()}

    def _execution(self, statement: str) -> Callable[[], None]:
        def execute() -> None:
            with self.link.cursor() as at:
                at.execute(statement)

        return execute

    def _note_version(self, step: Step) -> None:
        """Write where the schema stands now, as a run does."""
        if step.reaches is None:
            return
        table = sql.Identifier(self.schema, "alembic_version")
        with self.link.cursor() as at:
            at.execute(sql.SQL("UPDATE {} SET version_num = %s").format(table), (step.reaches,))
            if at.rowcount != 1:
                raise psycopg2.ProgrammingError(f"{self.schema} has {at.rowcount} rows of its version, not 1")

    def _timed(self, work: Callable[[], None], look: Tick | None = None) -> float:
        """Do it in a thread, so that a cancelled run ends the statement; return its milliseconds."""
        future: Future[float] = self.pool.submit(_timed, work)
        try:
            while not wait([future], LOOK_SECONDS if look else TICK_SECONDS, FIRST_COMPLETED).done:
                self.tick()
                if look:
                    look()
        except BaseException:
            self.link.cancel()
            wait([future])
            raise
        return future.result()


def _has_transaction(step: Step) -> bool:
    return step.transactional or step.by_alembic


def _timed(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def _as_held(
    held: dict[int, tuple[str, int]], before: dict[int, Relation], statements: Sequence[float]
) -> list[Held]:
    """A lock is held from its statement until the commit: that is how long others wait for it."""
    rows = [
        Held(before[oid].name, locks.words_of(mode), number, sum(statements[number:]))
        for oid, (mode, number) in held.items()
    ]
    order = {locks.words_of(mode): strength for mode, strength in locks.STRENGTH.items()}
    return sorted(rows, key=lambda row: (-order[row.mode], -row.held_ms, row.relation))


def error_row(error: psycopg2.Error | DBAPIError, step: Step, statements: int) -> dict[str, Any]:
    """Return PostgreSQL's words and which statement they are about."""
    number = max(statements - 1, 0)
    statement = step.statements[number] if step.statements else getattr(error, "statement", None)
    own = error.orig if isinstance(error, DBAPIError) else error
    told = own if isinstance(own, psycopg2.Error) else psycopg2.Error(str(error))
    said = told.diag.message_primary or " ".join(str(told).split())
    detail = told.diag.message_detail if told.pgcode in KEY_STATES else ""
    return {
        "step": step.number,
        "revision": step.revision,
        "statement": number,
        "sql": statement or "(run by Alembic)",
        "words": f"{said}. {detail}" if detail else said,
        "code": told.pgcode or "",
    }


def read_sizes(url: str) -> list[tuple[str, str, int]]:
    """Return slug, schema and bytes of every tenant of a restored server, the largest first."""
    with closing(psycopg2.connect(url, application_name=APPLICATION)) as link, link.cursor() as at:
        at.execute(SIZES)
        return [(slug, schema, int(size)) for slug, schema, size in at.fetchall()]


def read_revision(url: str, schema: str) -> str | None:
    """Return where a restored schema stands; None when it never was migrated."""
    table = sql.Identifier(schema, "alembic_version")
    with closing(psycopg2.connect(url, application_name=APPLICATION)) as link, link.cursor() as at:
        at.execute("SELECT to_regclass(%s) IS NOT NULL", (table.as_string(link),))
        if at.fetchone() != (True,):
            return None
        at.execute(sql.SQL("SELECT version_num FROM {}").format(table))
        row = at.fetchone()
        return str(row[0]) if row else None
