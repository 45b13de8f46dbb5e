"""Owns the history of figures: rounds packed into arrays, their rollups, and how far rolling up has come.

A round is one row: all the figures one source gave at one moment, in the order a layout names them; how an
array says 0 and unknown, packing.py knows. The tables are partitioned by time; their partitions live in the
schema `metric_parts` (see partitions.py).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import REAL, Identity, Index, String, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import ControlModel

BY_TIME = {"postgresql_partition_by": "RANGE (at)"}
Figures = list[float | None]


class MetricLayout(ControlModel):
    """Which series the places of a round's array stand for. It never changes: other names, other layout."""

    __tablename__ = "metric_layout"
    __table_args__ = (Index("uq_metric_layout_key", "key", unique=True),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    # A digest of source and names: an index on the names themselves would be too wide.
    key: Mapped[str]
    source: Mapped[str]
    names: Mapped[list[str]] = mapped_column(ARRAY(String))
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class MetricRound(ControlModel):
    """What one source gave at one moment, as it was read."""

    __tablename__ = "metric_round"
    __table_args__ = BY_TIME

    layout_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    readings: Mapped[Figures] = mapped_column(ARRAY(REAL))


class MetricMinute(ControlModel):
    """The mean and the largest of each series in a minute that begins `at`."""

    __tablename__ = "metric_minute"
    __table_args__ = BY_TIME

    layout_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    means: Mapped[Figures] = mapped_column(ARRAY(REAL))
    peaks: Mapped[Figures] = mapped_column(ARRAY(REAL))


class MetricHalfHour(ControlModel):
    """The mean and the largest of each series in half an hour that begins `at`."""

    __tablename__ = "metric_half_hour"
    __table_args__ = BY_TIME

    layout_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    means: Mapped[Figures] = mapped_column(ARRAY(REAL))
    peaks: Mapped[Figures] = mapped_column(ARRAY(REAL))


class MetricPosition(ControlModel):
    """A figure that is needed exactly and looked up by its value: where the WAL was at a moment."""

    __tablename__ = "metric_position"
    __table_args__ = BY_TIME

    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    value: Mapped[float]


class MetricProgress(ControlModel):
    """Until when the rounds have been rolled up into a table."""

    __tablename__ = "metric_progress"

    rollup: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime]


class MetricSource(ControlModel):
    """How the last round of a tier went on one server, with the counters the next one is subtracted from."""

    __tablename__ = "metric_source"

    source: Mapped[str] = mapped_column(primary_key=True)
    tier: Mapped[str] = mapped_column(primary_key=True)
    taken_at: Mapped[datetime | None]
    # Of the last good round: version, whether in recovery, when the server started, its counters and resets.
    seen: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    # Milliseconds of server time by probe, of the connection, and of the whole round.
    costs: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    # Why single probes failed, by probe; the rest of the round is good.
    failures: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    error: Mapped[str] = mapped_column(server_default="")
    failed_at: Mapped[datetime | None]
