"""Statements: what is asked of them, how they age, and that nobody can rewrite them."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import ProgrammingError

from dashboard.compliance import attested, checking
from dashboard.compliance.attested import Document, Statement
from dashboard.compliance.models import Attestation
from dashboard.compliance.registry import State
from dashboard.core.errors import ConflictError, InvalidInputError
from tests.compliance.world import World

DAY = timedelta(days=1)
KEY = "security.at_rest"


def state(world: World, *, days: int = 90, document: Document | None = None) -> Attestation:
    today = world.now.date()
    words = Statement(KEY, "LUKS on all disks", "Audit report 7, page 3", today, today + days * DAY, document)
    return attested.state(words, actor="dba@example.com")


def test_statement_makes_the_promise_attested_with_its_source(world: World) -> None:
    row = state(world)
    line = world.judge(KEY)
    assert line.state is State.ATTESTED
    assert line.verdict.value == "“LUKS on all disks”"
    assert (
        line.verdict.evidence == f"Statement {row.number} of dba@example.com, source: Audit report 7, page 3"
    )


@pytest.mark.parametrize(
    ("days", "expected", "words"),
    [(59, State.ATTESTED, ""), (61, State.AT_RISK, "It expires on"), (91, State.BROKEN, "expired on")],
    ids=["fresh", "a month before", "after"],
)
def test_statement_puts_a_promise_at_risk_before_it_expires(
    world: World, days: int, expected: State, words: str
) -> None:
    state(world)
    world.now += days * DAY
    line = world.judge(KEY)
    assert line.state is expected
    assert words in line.verdict.reason


def test_newest_statement_counts(world: World) -> None:
    state(world)
    world.now += 80 * DAY
    today = world.now.date()
    again = Statement(KEY, "Still", "Audit 8", today, today + 90 * DAY)
    attested.state(again, actor="dba@example.com", now=world.now)
    assert world.judge(KEY).state is State.ATTESTED
    assert [row.statement for row in attested.list_statements(KEY)] == ["Still", "LUKS on all disks"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"words": "  "}, "statement"),
        ({"source": ""}, "source"),
        ({"stated_on": 3}, "stated_on"),
        ({"expires_on": 0}, "expires_on"),
        ({"expires_on": 1200}, "expires_on"),
        ({"document": Document("a.pdf", "application/pdf", b"x" * (attested.MOST_BYTES + 1))}, "document"),
    ],
    ids=["no words", "no source", "in the future", "over at once", "for ever", "too large"],
)
def test_statement_that_says_too_little_is_refused(
    world: World, change: dict[str, object], field: str
) -> None:
    today = world.now.date()
    given: dict[str, object] = {"words": "LUKS", "source": "Audit", "stated_on": 0, "expires_on": 90} | change
    days = {name: today + int(str(given[name])) * DAY for name in ("stated_on", "expires_on")}
    with pytest.raises(InvalidInputError) as refused:
        attested.state(Statement(KEY, **given | days), actor="a")  # type: ignore[arg-type]
    assert field in refused.value.fields


def test_only_what_no_server_shows_is_attested(world: World) -> None:
    today = world.now.date()
    with pytest.raises(ConflictError, match="shown by the servers"):
        attested.state(Statement("backups.rpo", "x", "y", today, today + DAY), actor="a")


def test_database_refuses_to_change_a_statement(world: World) -> None:
    state(world)
    for statement in ("UPDATE attestation SET actor = 'x'", "DELETE FROM attestation"):
        with pytest.raises(ProgrammingError, match="append-only"), world.control.begin_nested():
            world.sql(statement)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "UPDATE attestation SET expires_on = expires_on + 1000 WHERE number = 1",
            "Statement 1: Its content",
        ),
        ("UPDATE attestation SET document = '\\x00' WHERE number = 2", "Statement 2: Its content"),
        ("DELETE FROM attestation WHERE number = 1", "Statement 2: Number 1 is missing"),
        ("DELETE FROM attestation WHERE number = 3", "Statement 3: It is missing"),
    ],
    ids=["later expiry", "other file", "first taken out", "end cut off"],
)
def test_tampering_is_named(world: World, statement: str, words: str) -> None:
    state(world)
    state(world, document=Document("audit.pdf", "application/pdf", b"%PDF-1.7"))
    state(world)
    assert all(finding.is_well for finding in checking.check_chains())
    world.sql("ALTER TABLE attestation DISABLE TRIGGER refuse_change", statement)
    finding = checking.check_chains()[1]
    assert not finding.is_well
    assert finding.text.startswith(words)
