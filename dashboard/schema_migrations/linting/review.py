"""Reviews what a plan would run: locks, time, dangers and the way back; as plain rows for the plan."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from typing import Any

from dashboard.schema_migrations.fleet.steps import Step
from dashboard.schema_migrations.linting import other_rules, partitions, table_rules
from dashboard.schema_migrations.linting.effects import Effect, read_effects
from dashboard.schema_migrations.linting.estimates import Estimate, estimate
from dashboard.schema_migrations.linting.facts import Facts
from dashboard.schema_migrations.linting.findings import DANGER, NOTE, WARNING, Finding, Plan, Statement
from dashboard.schema_migrations.linting.grammar import Work
from dashboard.schema_migrations.linting.reversibility import reasons_against
from dashboard.schema_migrations.linting.second_opinion import opinions
from dashboard.schema_migrations.linting.tokens import read_tokens, split_at_semicolons

RULES = (
    *(table_rules.not_null_at_once, table_rules.constraint_at_once, table_rules.validate_at_once),
    *(table_rules.unique_at_once, table_rules.rewriting_type, table_rules.volatile_default),
    *(table_rules.rewriting_table, other_rules.plain_index, other_rules.concurrent_index),
    *(other_rules.unbatched_change, other_rules.lost_data, other_rules.renamed, other_rules.explicit_lock),
    *(other_rules.settings, other_rules.own_transaction, partitions.concurrent_on_partitions),
)
STATEMENT_RULES = (other_rules.qualified_names, other_rules.unknown_lock)
ORDER = (DANGER, WARNING, NOTE)
CHECKS = {"add check", "add foreign key"}


@dataclass(frozen=True)
class Review:
    """The review of a plan, in the shape of FleetPlan's columns. Times in milliseconds for one schema.

    findings: step, statement, rule, level (danger, warning, note), message, advice
    locks: step, statement, lock ("" for none, "unknown"), table, rows, bytes, estimate_ms, reason
    `step` is the step's number, `statement` the place within its statements, from 0; an estimate of None
    is unknown.
    """

    findings: list[dict[str, Any]] = field(default_factory=list)
    locks: list[dict[str, Any]] = field(default_factory=list)
    estimate_ms: float | None = None
    is_reversible: bool = True
    irreversible_reason: str = ""


def review(steps: Sequence[Step], facts: Facts) -> Review:
    """Review the rendered steps of a tenant plan against the largest schemas of the fleet."""
    plan, statements = Plan(facts), []
    findings: list[Finding] = [_by_alembic(step) for step in steps if step.by_alembic]
    locks: list[dict[str, Any]] = []
    for seen in _statements(steps, facts):
        seen = _judged(seen, plan)  # noqa: PLW2901  # the same statement, with what is known of the table
        _remember_before(seen, plan)
        findings.extend(_judge(seen, plan))
        locks.extend(_locks(seen, plan))
        _remember_after(seen, plan)
        statements.append(seen)
    findings.extend(opinions(list(_texts(statements)), plan))
    findings = sorted(  # two statements of a text may be told the same
        dict.fromkeys(findings),
        key=lambda finding: (ORDER.index(finding.level), finding.step, finding.statement),
    )
    reasons = [*_without_way_back(steps, facts), *reasons_against(statements, plan)]
    known = [row["estimate_ms"] for row in locks if row["estimate_ms"] is not None]
    return Review(
        [asdict(finding) for finding in findings],
        locks,
        round(sum(known), 1) if known and not any(step.by_alembic for step in steps) else None,
        not reasons,
        "; ".join(reasons),
    )


def _statements(steps: Sequence[Step], facts: Facts) -> Iterator[Statement]:
    for step in steps:
        for place, sql in enumerate(step.statements):
            for tokens in split_at_semicolons(read_tokens(sql)):
                yield Statement(step, place, tokens, read_effects(tokens, facts))


def _texts(statements: Sequence[Statement]) -> Iterator[Statement]:
    """The texts as squawk reads them: each once, with what all of its statements do."""
    for _, group in groupby(statements, key=lambda seen: (seen.step.number, seen.place)):
        pieces = list(group)
        yield replace(pieces[0], effects=tuple(effect for piece in pieces for effect in piece.effects))


def _judged(seen: Statement, plan: Plan) -> Statement:
    """What is known of the table saves work: widening a type, NOT NULL with a valid check."""
    number = seen.step.number
    effects = tuple(
        replace(effect, work=Work.NONE)
        if table_rules.is_kept(effect, plan)
        or (effect.kind == "set not null" and plan.is_filled(effect.table, effect.column, number))
        else effect
        for effect in seen.effects
    )
    return replace(seen, effects=effects)


def _remember_before(seen: Statement, plan: Plan) -> None:
    for effect in seen.effects:
        is_sure = "IF NOT EXISTS" not in effect.flags or effect.table not in plan.facts.tables
        if effect.kind == "create table" and is_sure:
            plan.new_tables.add(effect.table)
        if effect.kind == "create index concurrently":
            plan.concurrent[seen.step.revision] += 1


def _remember_after(seen: Statement, plan: Plan) -> None:
    """Follow the phases of a constraint through the plan."""
    for effect in seen.effects:
        key = (effect.table, effect.name)
        if effect.kind in CHECKS and effect.work is Work.NONE:
            plan.unchecked[key] = seen.step.number
        if effect.kind == "add check" and (column := _filled_column(effect)):
            plan.filled[key] = column
        if effect.kind == "validate" and key in plan.filled:
            plan.proven[effect.table, plan.filled[key]] = seen.step.number


def _filled_column(effect: Effect) -> str:
    """The column of CHECK (column IS NOT NULL); empty for any other check."""
    inner = [token for token in effect.rest if token.text not in {"(", ")"}]
    is_filled = [token.key for token in inner[1:4]] == ["IS", "NOT", "NULL"]
    return inner[0].name if is_filled and {token.key for token in inner[4:]} <= {"NOT", "VALID"} else ""


def _judge(seen: Statement, plan: Plan) -> Iterator[Finding]:
    for effect in seen.effects:
        for rule in RULES:
            yield from rule(seen, plan, effect)
    for statement_rule in STATEMENT_RULES:
        yield from statement_rule(seen)


def _locks(seen: Statement, plan: Plan) -> Iterator[dict[str, Any]]:
    """One row per table with the strongest lock on it; one without a table where none is locked."""
    tables = list(dict.fromkeys(effect.table for effect in seen.effects if effect.lock))
    for table in tables:
        yield _row(seen, plan, table, [effect for effect in seen.effects if effect.table == table])
    if not all(effect.is_known for effect in seen.effects):
        unknown = [effect for effect in seen.effects if not effect.is_known]
        yield _row(seen, plan, "", [replace(effect, lock=None) for effect in unknown]) | {"lock": "unknown"}
    elif not tables:
        yield _row(seen, plan, "", list(seen.effects))


def _row(seen: Statement, plan: Plan, table: str, effects: list[Effect]) -> dict[str, Any]:
    facts = plan.facts.tables.get(table)
    lock = max((effect.lock for effect in effects if effect.lock), default=None)
    longest = _longest([estimate(effect, plan.facts, plan.new_tables) for effect in effects])
    return {
        "step": seen.step.number,
        "statement": seen.place,
        "lock": lock.title if lock else "",
        "table": table,
        "rows": facts.rows if facts else None,
        "bytes": facts.bytes if facts else None,
        "estimate_ms": longest.ms,
        "reason": f"{longest.reason}; {lock.holds_up}" if lock else longest.reason,
    }


def _longest(estimates: list[Estimate]) -> Estimate:
    """Several actions of one ALTER TABLE share their pass over the table; an unknown one hides the rest."""
    return max(estimates, key=lambda found: float("inf") if found.ms is None else found.ms)


def _by_alembic(step: Step) -> Finding:
    return Finding(
        step.number,
        0,
        "by-alembic",
        WARNING,
        f"Revision {step.revision} reads data while it runs: its SQL is not known before and not reviewed",
        "Split it: the change of the schema as plain SQL, the change of the data in migrations/data/.",
    )


def _without_way_back(steps: Sequence[Step], facts: Facts) -> Iterator[str]:
    for revision in dict.fromkeys(step.revision for step in steps):
        if revision in facts.without_downgrade:
            yield f"{revision} has no downgrade"
    for step in steps:
        if step.by_alembic:
            yield f"{step.revision} runs by Alembic: what its downgrade restores is not known"
