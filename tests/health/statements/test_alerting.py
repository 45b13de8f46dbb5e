"""Queries that really become slow and entries that are really dropped: seen by the rules, and over again."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from itertools import product

import psycopg2
import pytest
from flask import Flask
from psycopg2.extensions import connection
from sqlalchemy import update
from sqlalchemy.orm import Session

from dashboard.core.config import Settings
from dashboard.health.statements import queries, refreshing
from dashboard.health.statements.models import StatementInterval, StatementText, StatementUse
from tests.conftest import Servers
from tests.health.bell import Bell

MARK = "made_slow_by_a_test"


@pytest.fixture
def link(servers: Servers) -> Iterator[connection]:
    """A session that pg_stat_statements sees."""
    with closing(psycopg2.connect(servers.postgres.url("erp_test"))) as found:
        found.autocommit = True
        yield found


def later(control: Session) -> None:
    """Let twenty minutes pass: what was counted is as much older."""
    for model in (StatementUse, StatementInterval):
        control.execute(update(model).values(at=model.at - timedelta(minutes=20)))
    old = timedelta(minutes=20)
    control.execute(update(StatementText).values(first_seen_at=StatementText.first_seen_at - old))
    control.expire_all()


def run(link: connection, seconds: float) -> None:
    """Run the query often enough to be judged."""
    with link.cursor() as at:
        for _ in range(100):
            at.execute(f"SELECT pg_sleep({seconds}), current_catalog AS {MARK}, current_schema")


def make_room(link: connection) -> None:
    """Take entries away, so that what others run meanwhile drops none; what was dropped stays counted."""
    here = "SELECT oid FROM pg_database WHERE datname = current_database()"
    with link.cursor() as at:
        at.execute(f"SELECT public.pg_stat_statements_reset(0, ({here}), 0)")


@pytest.mark.breaks("statements.slower")
def test_a_query_that_becomes_slow_is_told_until_it_is_over(
    app: Flask, control: Session, settings: Settings, link: connection, bell: Bell
) -> None:
    assert refreshing.refresh(settings) == ""
    run(link, 0.0)
    refreshing.refresh(settings)
    assert bell.is_quiet("statements.slower")
    later(control)
    run(link, 0.021)
    refreshing.refresh(settings)
    reasons = bell.reasons("statements.slower")
    assert len(reasons) == 1
    assert "100 calls in 15 minutes, usually" in next(iter(reasons.values()))
    assert MARK in next(iter(reasons.values()))
    later(control)
    refreshing.refresh(settings)
    assert bell.is_quiet("statements.slower")


@pytest.mark.breaks("statements.forgotten")
def test_entries_that_are_dropped_are_told_until_it_is_over(
    app: Flask, control: Session, settings: Settings, link: connection, bell: Bell
) -> None:
    refreshing.refresh(settings)
    assert bell.is_quiet("statements.forgotten")
    with link.cursor() as at:
        at.execute("SELECT typname FROM pg_type WHERE typtype = 'b' ORDER BY oid LIMIT 75")
        names = [row[0] for row in at.fetchall()]
        # Every pair is a query of its own, and there is room for 5,000.
        at.execute(";".join(f'SELECT NULL::"{one}", NULL::"{two}"' for one, two in product(names, names)))
    assert len(names) ** 2 > 5_000
    make_room(link)
    refreshing.refresh(settings)
    reasons = bell.reasons("statements.forgotten")
    assert "pg_stat_statements.max is 5,000" in reasons[""]
    assert queries.overview(timedelta(hours=1), "total").forgotten > 0
    later(control)
    refreshing.refresh(settings)
    assert bell.is_quiet("statements.forgotten")
