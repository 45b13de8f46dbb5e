"""Runs a round of a tier on every server and stores it (service layer of the probe jobs). Flushes only."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.metrics import rates
from dashboard.metrics.links import run_round
from dashboard.metrics.models import MetricSource
from dashboard.metrics.probes import TIERS, Round, RoundError
from dashboard.metrics.service import PRIMARY, record

Run = Callable[[str, str], Round]  # asks the server of an address for a tier


@dataclass(frozen=True)
class Target:
    """A server that is probed: the name its series are stored under, and its address."""

    source: str
    url: str


def targets(settings: Settings) -> tuple[Target, ...]:
    """Return the primary and every standby. A member keeps its name when it changes its role."""
    members = tuple(Target(member.name, member.url) for member in settings.members)
    if settings.primary is None:
        return (Target(PRIMARY, settings.database_monitor_url), *members)
    return members


def sample(asked: Sequence[Target], tier: str, run: Run = run_round) -> dict[str, str]:
    """Probe all servers at once, store figures and costs; return why servers gave nothing, by name."""
    with ThreadPoolExecutor(max_workers=max(1, len(asked))) as pool:
        answers = list(pool.map(lambda target: _ask(target, tier, run), asked))
    _forget_others(asked, tier)
    failed = {}
    for target, answer in zip(asked, answers, strict=True):
        if isinstance(answer, str):
            failed[target.source] = answer
            _store_failure(target.source, tier, answer)
        else:
            store_round(target.source, tier, answer)
    return failed


def _forget_others(asked: Sequence[Target], tier: str) -> None:
    """Forget how the rounds of servers went that are not expected any more; their history stays."""
    names = [target.source for target in asked]
    others = MetricSource.tier == tier, MetricSource.source.not_in(names)
    db.session.execute(delete(MetricSource).where(*others))


def _ask(target: Target, tier: str, run: Run) -> Round | str:
    try:
        return run(target.url, tier)
    except RoundError as error:
        return str(error)


def store_round(source: str, tier: str, found: Round, *, at: datetime | None = None) -> None:
    """Store one server's round: counters as rates since the one before, and what it cost."""
    before = db.session.get(MetricSource, (source, tier), populate_existing=True)
    known = rates.thaw(before.seen) if before else None
    figures = rates.figures(known, found, TIERS[tier])
    now = at or datetime.now(UTC)
    record(figures | cost_series(tier, found), at=now, source=source)
    values: dict[str, Any] = {
        "taken_at": now,
        "seen": rates.freeze(found),
        "costs": {"probes": found.costs, "connect_ms": found.connect_ms, "wall_ms": found.wall_ms},
        "failures": found.failures,
        "error": "",
        "failed_at": None,
    }
    _upsert(source, tier, values)


def cost_series(tier: str, found: Round) -> dict[str, float | None]:
    """Return the server time of a round, of each of its probes, and of connecting, as series in ms."""
    probes: dict[str, float | None] = {f"cost.{tier}.{name}": cost for name, cost in found.costs.items()}
    return probes | {f"cost.{tier}": found.cost_ms, f"cost.{tier}.connect": found.connect_ms}


def _store_failure(source: str, tier: str, error: str) -> None:
    """Keep what was seen last: the counters go on from there if the server was only out of reach."""
    _upsert(source, tier, {"error": error, "failed_at": datetime.now(UTC)})


def _upsert(source: str, tier: str, values: Mapping[str, Any]) -> None:
    statement = insert(MetricSource).values(source=source, tier=tier, **values)
    keys = [MetricSource.source, MetricSource.tier]
    db.session.execute(statement.on_conflict_do_update(index_elements=keys, set_=dict(values)))
