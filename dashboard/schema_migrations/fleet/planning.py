"""Makes plans: renders the way to a revision once, judges it, and counts whom it concerns."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.core.config import Settings
from dashboard.core.errors import ConflictError, InvalidInputError, UnavailableError
from dashboard.health.connection import ProbeError
from dashboard.schema_migrations.fleet.models import FleetPlan, PlanStatus
from dashboard.schema_migrations.fleet.rendering import render
from dashboard.schema_migrations.fleet.steps import Step, as_rows, from_rows, hash_of
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.linting.facts import Facts, read_facts
from dashboard.schema_migrations.linting.review import review
from dashboard.schema_migrations.models import SchemaHead, SchemaKind

UP, DOWN = "up", "down"
LOST = re.compile(
    r"\bDROP\s+(TABLE|COLUMN|VIEW|MATERIALIZED VIEW|FUNCTION|TYPE)\s+(?:IF\s+EXISTS\s+)?([\w.\"]+)",
    re.IGNORECASE,
)
ALTERED = re.compile(r"\bALTER\s+TABLE\s+(?:ONLY\s+|IF\s+EXISTS\s+)*([\w.\"]+)", re.IGNORECASE)
LARGEST = 5
OVERHEAD_MS = 3.0  # what a schema costs besides its statements: claiming, path, ledger, commit


class NothingToPlanError(ConflictError):
    """Every schema stands where it should."""


@dataclass(frozen=True)
class Scope:
    """Whom a plan concerns: the schemas to move, how, and those it leaves alone."""

    direction: str
    start: str
    to: str
    moved: tuple[SchemaHead, ...]
    left_out: tuple[SchemaHead, ...]


def make_plan(session: Session, *, to: str = "head", actor: str) -> FleetPlan:
    """Render, judge and keep what brings every schema to a revision. Flushes.

    Raises NothingToPlanError when all stand there, InvalidInputError for a revision that is not in the code,
    ConflictError for a history with two heads.
    """
    scripts = tenant_scripts()
    scope = scope_of(session, scripts, to)
    steps = render(scripts, scope.start, scope.to)
    facts = _facts(scripts)
    found = review(steps, facts)
    plan = FleetPlan(
        direction=scope.direction,
        to_revision=scope.to,
        sql_hash=hash_of(steps),
        steps=as_rows(steps),
        findings=found.findings,
        locks=found.locks,
        fleet=_fleet(scope) | {"largest": _largest(facts)},
        estimate_ms=found.estimate_ms,
        is_reversible=found.is_reversible,
        irreversible_reason=found.irreversible_reason,
        actor=actor,
    )
    session.add(plan)
    session.flush()
    return plan


def tenant_scripts() -> ScriptDirectory:
    """Read the files of the tenants' history from the disk as they are now."""
    return ScriptDirectory(History.TENANT.directory)


def scope_of(session: Session, scripts: ScriptDirectory, to: str) -> Scope:
    """Find out who has to move, and from where at the farthest. To go down, a revision must be named."""
    order = _order(scripts)
    target = _target(scripts, order, to)
    heads = session.scalars(select(SchemaHead).order_by(SchemaHead.schema_name)).all()
    known = [head for head in heads if head.revision in order]
    above = [head for head in known if order[head.revision or ""] > order[target]]
    below = [head for head in known if order[head.revision or ""] < order[target]]
    moved = above or below
    if not moved:
        raise NothingToPlanError(
            f"All {len(known)} schemas stand at {target} already: there is nothing to do."
        )
    farthest = max if above else min
    start = farthest((head.revision or "" for head in moved), key=order.__getitem__)
    left_out = tuple(head for head in heads if head.revision not in order)
    return Scope(DOWN if above else UP, start, target, tuple(moved), left_out)


def _order(scripts: ScriptDirectory) -> dict[str, int]:
    """Every revision with its place in the history, the oldest first."""
    newest_first = [script.revision for script in scripts.walk_revisions()]
    return {revision: place for place, revision in enumerate(reversed(newest_first))}


def _target(scripts: ScriptDirectory, order: dict[str, int], to: str) -> str:
    if to not in ("", "head"):
        if to not in order:
            message = f"The code knows no revision {to} of the tenants' history."
            raise InvalidInputError(message, fields={"to": message})
        return to
    try:
        head = scripts.get_current_head()
    except CommandError as error:
        heads = ", ".join(scripts.get_heads())
        raise ConflictError(
            f"The tenants' history has two heads: {heads}.", fix="Merge them first: flask db merge."
        ) from error
    if head is None:
        raise ConflictError("The tenants' history has no revisions.")
    return head


def _fleet(scope: Scope) -> dict[str, object]:
    counted = Counter(head.revision or "" for head in scope.moved)
    kinds = Counter(str(head.kind) for head in scope.moved)
    return {
        "schemas": len(scope.moved),
        "spares": len(scope.moved) - kinds[SchemaKind.TENANT],
        "start": scope.start,
        "by_revision": dict(sorted(counted.items())),
        "left_out": [
            {"schema": head.schema_name, "revision": head.revision or ""} for head in scope.left_out
        ],
    }


def _facts(scripts: ScriptDirectory) -> Facts:
    settings: Settings = current_app.extensions["steward_settings"]
    try:
        return read_facts(settings.database_monitor_url, scripts)
    except ProbeError as error:
        raise UnavailableError("the ERP primary", f"The sizes of tables cannot be read: {error}") from error


def _largest(facts: Facts) -> list[dict[str, object]]:
    """The largest tables, which decide how long a change takes."""
    ordered = sorted(facts.tables.items(), key=lambda item: item[1].bytes, reverse=True)
    return [
        {"table": name, "schema": table.schema, "rows": table.rows, "bytes": table.bytes}
        for name, table in ordered[:LARGEST]
    ]


def renders_alike(plan: FleetPlan) -> bool:
    """Whether the files on disk still give exactly what was planned."""
    try:
        steps = render(tenant_scripts(), plan.fleet["start"], plan.to_revision)
    except CommandError:  # a revision of the plan is gone from the code
        return False
    return hash_of(steps) == plan.sql_hash == hash_of(from_rows(plan.steps))


def mark_stale(session: Session, plan: FleetPlan) -> bool:
    """Note that a plan cannot be run any more if its files have changed. Flushes; returns whether so."""
    if plan.status in (PlanStatus.DRAFT, PlanStatus.APPROVED) and not renders_alike(plan):
        plan.status = PlanStatus.STALE
        session.flush()
    return plan.status == PlanStatus.STALE


def total_seconds(plan: FleetPlan, workers: int) -> float | None:
    """Estimate the whole fleet with so many workers; None when one schema could not be estimated."""
    if plan.estimate_ms is None:
        return None
    each = plan.estimate_ms + OVERHEAD_MS
    return float(each * math.ceil(int(plan.fleet.get("schemas", 0)) / max(workers, 1)) / 1000)


def losses(steps: Sequence[Step]) -> list[str]:
    """Name what the statements drop; after a downgrade it is gone from every schema."""
    found: list[str] = []
    for statement in (text for step in steps for text in step.statements):
        table = ALTERED.search(statement)
        for kind, name in LOST.findall(statement):
            where = f" of {table[1]}" if table and kind.upper() == "COLUMN" else ""
            found.append(f"{kind.lower()} {name}{where}")
    return list(dict.fromkeys(found))
