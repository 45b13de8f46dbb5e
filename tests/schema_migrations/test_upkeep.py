"""What is due on the long run: squashing, and a newer PostgreSQL."""

from datetime import date

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from dashboard.health.models import Reading
from dashboard.health.refreshing import ACTIVITY
from dashboard.schema_migrations import upkeep
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.revisions import list_revisions
from dashboard.schema_migrations.upkeep import due, squash_due

QUIET = date(2023, 1, 1)


@pytest.fixture(params=["15.4 (Debian 15.4-1)"])
def server(request: pytest.FixtureRequest, control: Session) -> None:
    """A reading of the server's version."""
    reading = control.get(Reading, ACTIVITY) or Reading(key=ACTIVITY)
    reading.data = {"server": {"version": request.param}}
    control.add(reading)
    control.flush()


def test_revisions_before_the_oldest_schema_can_be_squashed(app: Flask) -> None:
    newest = list_revisions(History.TENANT)
    assert squash_due({newest[0].id}) == len(newest) - 1
    assert squash_due({newest[0].id, newest[2].id}) == len(newest) - 3


@pytest.mark.parametrize("standing", [set(), {None}, {"0001", "gone"}], ids=["none", "never", "unknown"])
def test_nothing_is_squashed_under_a_schema_nobody_knows(app: Flask, standing: set[str | None]) -> None:
    assert squash_due(standing) == 0


def test_squashing_is_due_after_many_revisions(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    head = list_revisions(History.TENANT)[0].id
    assert [notice.rule for notice in due({head}, QUIET)] == []
    monkeypatch.setattr(upkeep, "SQUASH_AFTER", 3)
    assert [notice.rule for notice in due({head}, QUIET)] == ["squash"]


def test_the_ledger_is_read_where_nobody_says_what_stands_where(app: Flask) -> None:
    assert due(today=QUIET) == []


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("today", "levels"),
    [(date(2026, 11, 10), []), (date(2026, 12, 1), ["warning"]), (date(2027, 11, 12), ["danger"])],
    ids=["in_time", "within_a_year", "over"],
)
def test_the_end_of_support_is_told_a_year_before(today: date, levels: list[str]) -> None:
    notices = due(set(), today)
    assert [notice.level for notice in notices] == levels
    assert all("PostgreSQL 15" in notice.title for notice in notices)


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("server", ["", "99beta1"], indirect=True, ids=["unread", "unknown"])
def test_a_version_nobody_knows_is_no_alarm(app: Flask) -> None:
    assert due(set(), date(2099, 1, 1)) == []
