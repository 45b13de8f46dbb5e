"""Rounds as a busy day would leave them, and the connection that keeps partitions."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import Connection, insert
from sqlalchemy.orm import Session

from dashboard.metrics.models import MetricRound
from dashboard.metrics.packing import pack
from dashboard.metrics.service import layout_of

EVERY = timedelta(seconds=10)
Fill = Callable[..., int]


@pytest.fixture
def now() -> datetime:
    """This moment, on a whole ten seconds."""
    moment = datetime.now(UTC).replace(microsecond=0)
    return moment - timedelta(seconds=moment.second % 10)


@pytest.fixture
def fill(control: Session) -> Fill:
    """Store rounds of some series between two moments, with holes; returns the layout."""

    def store(names: list[str], since: datetime, until: datetime, source: str = "az-a") -> int:
        dice, layout = random.Random(7), layout_of(source, names)
        count = int((until - since) / EVERY)
        rows = [
            {
                "layout_id": layout,
                "at": since + EVERY * number,
                "readings": [pack(dice.choice([None, 0.0, dice.random() * 1000])) for _ in names],
            }
            for number in range(count)
            if number % 50  # a round in fifty is missing
        ]
        control.execute(insert(MetricRound), rows)
        return layout

    return store


@pytest.fixture
def parts(app: Flask, control: Session) -> Connection:
    """The test's own connection to the control database: what it makes is undone."""
    return control.connection(bind_arguments={"mapper": MetricRound})
