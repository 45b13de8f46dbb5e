"""Rolls rounds up into minutes and half hours: a bucket at a time, from the rounds themselves.

A bucket is written as a whole, and written anew when it is rolled up again, so that a job that was killed
or came twice changes nothing. How far it has come is stored in the same transaction as the buckets.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert

from dashboard.core.db import db
from dashboard.metrics.models import MetricProgress, MetricRound
from dashboard.metrics.rollups import EPOCH, ROLLED, Grain, begin_of

GRACE = timedelta(seconds=20)  # a round may be stored some seconds after its moment
AGAIN = timedelta(minutes=5)  # as far back a bucket is rolled up again, for rounds that came late
AT_ONCE = timedelta(hours=2)  # after a long absence: one transaction for each stretch of this length
ROLL_UP = """
INSERT INTO {table} AS t (layout_id, at, means, peaks)
SELECT layout_id, bucket,
    array_agg(nullif(coalesce(mean, 'NaN'), 0) ORDER BY place),
    array_agg(nullif(coalesce(peak, 'NaN'), 0) ORDER BY place)
FROM (
    SELECT r.layout_id, date_bin(:every, r.at, :epoch) AS bucket, v.place,
        avg(nullif(coalesce(v.reading, 0), 'NaN'))::real AS mean,
        max(nullif(coalesce(v.reading, 0), 'NaN')) AS peak
    FROM metric_layout AS l
    JOIN metric_round AS r ON r.layout_id = l.id AND r.at >= :since AND r.at < :until
    CROSS JOIN LATERAL unnest(r.readings) WITH ORDINALITY AS v (reading, place)
    GROUP BY 1, 2, 3
) AS figures
GROUP BY layout_id, bucket
ON CONFLICT (layout_id, at) DO UPDATE SET means = excluded.means, peaks = excluded.peaks
WHERE (t.means, t.peaks) IS DISTINCT FROM (excluded.means, excluded.peaks)
"""
Step = Callable[[], None]


def roll_up(now: datetime | None = None, *, commit: Step) -> dict[str, str]:
    """Bring every rollup to the last closed bucket, committing each stretch; return until when by table."""
    moment = now or datetime.now(UTC)
    reached = {}
    for grain in ROLLED:
        while _stretch(grain, moment):
            commit()
        reached[grain.table] = str(until_of(grain))
    return reached


def until_of(grain: Grain) -> datetime | None:
    """Return until when a rollup has come."""
    found = db.session.get(MetricProgress, grain.table, populate_existing=True)
    return found.until if found else None


def _stretch(grain: Grain, now: datetime) -> bool:
    """Roll up the next stretch, if one is closed; return whether there was one."""
    closed = begin_of(now - GRACE, grain.every)
    begun = until_of(grain) or EPOCH
    if begun >= closed:
        return False
    if closed - begun > AT_ONCE:
        begun = _next_round(grain, begun, closed)
    until = min(closed, begin_of(begun + max(AT_ONCE, grain.every), grain.every))
    roll_up_between(grain, begin_of(begun - AGAIN, grain.every), until)
    note = insert(MetricProgress).values(rollup=grain.table, until=until)
    db.session.execute(note.on_conflict_do_update(index_elements=["rollup"], set_={"until": until}))
    return True


def roll_up_between(grain: Grain, since: datetime, until: datetime) -> None:
    """Write the buckets between two of their bounds."""
    bound = {"every": grain.every, "epoch": EPOCH, "since": since, "until": until}
    db.session.execute(text(ROLL_UP.format(table=grain.table)), bound, bind_arguments={"mapper": MetricRound})


def _next_round(grain: Grain, since: datetime, until: datetime) -> datetime:
    """Return the bucket of the first round within; `until` when there is none: a long absence is skipped."""
    within = MetricRound.at >= since, MetricRound.at < until
    found = db.session.scalar(select(func.min(MetricRound.at)).where(*within))
    return begin_of(found, grain.every) if found else until
