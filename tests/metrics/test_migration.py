"""The samples of the release before move over, and back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import Connection, text

from dashboard.core.db import db
from dashboard.schema_migrations import service
from dashboard.schema_migrations.histories import History

SAMPLES = "SELECT name, at, value FROM metric_sample ORDER BY name, at"


@pytest.fixture
def before(app: Flask) -> Iterator[Connection]:
    """The control database at the release before; what is done to it is undone."""
    with db.engines["control"].connect() as connection, connection.begin() as transaction:
        service.downgrade(connection, History.CONTROL, "public", to="0003")
        yield connection
        transaction.rollback()


def test_samples_become_rounds_and_exact_positions_and_come_back(before: Connection) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    exact = float(2**40 + 1)
    rows = [
        ("tps", now - timedelta(seconds=10), 2.5),
        ("tps", now, 3.5),
        ("wal.position", now, exact),
    ]
    insert = text("INSERT INTO metric_sample (name, at, value) VALUES (:name, :at, :value)")
    before.execute(insert, [{"name": name, "at": at, "value": value} for name, at, value in rows])
    service.upgrade(before, History.CONTROL)
    assert before.scalar(text("SELECT value FROM metric_position WHERE name = 'wal.position'")) == exact
    moved = text(
        "SELECT l.source, l.names, r.at, r.readings FROM metric_round r JOIN metric_layout l"
        " ON l.id = r.layout_id WHERE l.names::text = '{tps}' ORDER BY r.at"
    )
    assert [tuple(row) for row in before.execute(moved)] == [
        ("primary", ["tps"], rows[0][1], [2.5]),
        ("primary", ["tps"], rows[1][1], [3.5]),
    ]
    service.downgrade(before, History.CONTROL, "public", to="0003")
    assert [tuple(row) for row in before.execute(text(SAMPLES))] == rows
