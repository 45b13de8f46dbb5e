"""One round of the probe over all tenants: who tries to get at whom, what came of it, and keeping it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg2.extensions import connection
from sqlalchemy import Engine, delete, func, select
from sqlalchemy.engine import make_url

from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.health.service import store_reading
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenants.isolation import probes
from dashboard.tenants.isolation.attempts import Verdict
from dashboard.tenants.isolation.closing import closing
from dashboard.tenants.isolation.models import IsolationCheck
from dashboard.tenants.isolation.probes import Opening, Outcome

READING = "tenants.isolation"
ANSWERS = "tenants.isolation.answers"  # by tenant, apart: a page of one tenant needs one of a thousand
EVERY_SECONDS = 900
KEEP = timedelta(days=365)
MOST_KEPT = 200  # of what one round found; the first ones tell the story
OWN, OTHER = "{own}", "{other}"

Progress = Callable[[int, int, str], None]


def check_all(progress: Progress, *, actor: str, run_id: UUID | None = None) -> dict[str, int]:
    """Try to get out of every tenant and read the catalog; keep the round. Returns its counts."""
    started = time.monotonic()
    tenancy.forget()
    tenants = tenancy.list_active()  # of a suspended one not even the role can be taken
    turn = db.session.scalar(select(func.max(IsolationCheck.id))) or 0
    with _link("monitor") as monitor:
        things = probes.read_things(monitor, [tenant.schema for tenant in tenants], turn)
        openings = probes.read_openings(monitor, _login("database_url"))
    rows: dict[str, Any] = {}
    book = _Book()
    with _link(None) as link:
        shared = probes.is_shared(link, [tenant.role for tenant in tenants])
        for number, (tenant, other) in enumerate(pairs(tenants, turn)):
            rows[tenant.slug] = _try(link, tenant, other, things, book)
            progress(number + 1, len(tenants), f"as {tenant.name}")
    found = [*_found(openings), *book.notable]
    store_reading(
        READING,
        {
            "tenants": {slug: [len(row["answers"]), row["untried"]] for slug, row in rows.items()},
            "answers": book.answers,
            "found": found[:MOST_KEPT],
            "shared_login": shared,
            "openings": len(openings),
        },
        every=EVERY_SECONDS,
    )
    store_reading(ANSWERS, {"tenants": rows}, every=EVERY_SECONDS)
    counts = _counts(rows, book, found)
    _keep(counts, found, time.monotonic() - started, actor, run_id)
    return counts


def pairs(tenants: Sequence[TenantRef], turn: int) -> Iterator[tuple[TenantRef, TenantRef | None]]:
    """Give each tenant another one to get at; after as many rounds as there are others, each had each."""
    count = len(tenants)
    for place, tenant in enumerate(tenants):
        step = 1 + turn % (count - 1) if count > 1 else 0
        yield tenant, tenants[(place + step) % count] if step else None


class _Book:
    """What was answered, each different answer once: a thousand tenants get the same dozens."""

    def __init__(self) -> None:
        self.answers: list[dict[str, str]] = []
        self.notable: list[dict[str, str]] = []
        self.attempts = 0
        self._places: dict[tuple[str, ...], int] = {}

    def note(self, tenant: TenantRef, other: TenantRef | None, outcome: Outcome) -> int:
        """Remember an outcome; return its place among the different ones."""
        self.attempts += 1
        plain = {key: str(value) for key, value in asdict(outcome).items()}
        if outcome.verdict in {Verdict.ALLOWED, Verdict.UNTRIED}:
            about = {"tenant": tenant.slug, "other": other.slug if other else "", "sort": "attempt"}
            self.notable.append({**plain, **about})
        for name in ("statement", "answer"):
            plain[name] = _general(plain[name], tenant, other)
        key = tuple(plain.values())
        if key not in self._places:
            self._places[key] = len(self.answers)
            self.answers.append(plain)
        return self._places[key]


def _general(text: str, tenant: TenantRef, other: TenantRef | None) -> str:
    """The text without the names of the two, which stand beside it. The longer name goes first."""
    names = [(tenant.schema, OWN), (tenant.role, OWN)]
    names += [(other.schema, OTHER), (other.role, OTHER)] if other else []
    for name, stand_in in sorted(names, key=lambda pair: -len(pair[0])):
        text = text.replace(name, stand_in)
    return text


def specific(text: str, own: str, other: str) -> str:
    """Put the names back."""
    return text.replace(OWN, own).replace(OTHER, other)


def _try(
    link: connection,
    tenant: TenantRef,
    other: TenantRef | None,
    things: Mapping[str, Mapping[str, str]],
    book: _Book,
) -> dict[str, Any]:
    target = probes.aim(link, other, things.get(other.schema, {})) if other else None
    outcomes = probes.try_out(link, tenant, target, _login("database_direct_url"))
    return {
        "other": other.slug if other else "",
        "answers": [book.note(tenant, other, outcome) for outcome in outcomes],
        "untried": sum(outcome.verdict is Verdict.UNTRIED for outcome in outcomes),
    }


def _found(openings: Sequence[Opening]) -> list[dict[str, str]]:
    """What the catalog shows, in the form of an attempt."""
    return [
        {
            "tenant": opening.slug,
            "other": opening.who,
            "sort": opening.sort,
            "title": f"{opening.who}: {opening.what}",
            "statement": "",
            "verdict": Verdict.ALLOWED.value,
            "state": "",
            "answer": "the catalog says so",
            "closing": closing(opening),
        }
        for opening in openings
    ]


def _counts(rows: Mapping[str, Any], book: _Book, found: Sequence[Mapping[str, str]]) -> dict[str, int]:
    holes = sum(entry["verdict"] == Verdict.ALLOWED for entry in found)
    return {
        "tenants": len(rows),
        "attempts": book.attempts,
        "holes": holes,
        "untried": len(found) - holes,
    }


def _keep(
    counts: Mapping[str, int],
    found: list[dict[str, str]],
    seconds: float,
    actor: str,
    run_id: UUID | None,
) -> None:
    db.session.add(
        IsolationCheck(
            tenants=counts["tenants"],
            attempts=counts["attempts"],
            holes=found[:MOST_KEPT],
            duration_ms=seconds * 1000,
            actor=actor,
            run_id=run_id,
        )
    )
    db.session.flush()
    db.session.execute(delete(IsolationCheck).where(IsolationCheck.at < func.now() - KEEP))


def _login(setting: str) -> str:
    return make_url(getattr(get_settings(), setting)).username or ""


@contextmanager
def _link(bind: str | None) -> Iterator[connection]:
    """A connection of its own: one that has seen a thousand tenants is not handed to a page afterwards."""
    engine: Engine = db.engines[bind]
    pooled = engine.raw_connection()
    try:
        link: Any = pooled.driver_connection
        yield link
    finally:
        pooled.invalidate()
        pooled.close()
