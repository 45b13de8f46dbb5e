"""Conditions over what sessions do: connections, transactions left open, locks, wraparound, rates."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from dashboard.alerts.registry import Answer, Breach, Unknown, Watch, condition
from dashboard.core.filters import duration, number, percent
from dashboard.health.activity.judging import holder_name
from dashboard.health.activity.refreshing import ACTIVITY, FAST, NOW
from dashboard.health.alerting import trusted
from dashboard.health.judging import ENOUGH_TPS, XIDS
from dashboard.health.queries import get_reading

PRIMARY = "The ERP primary"
Values = Mapping[str, Any]


@condition("health.connections_high", every=FAST)
@condition("health.connections_exhausted", every=FAST)
def connections(watch: Watch) -> Answer:
    """More connections are in use than the limit, a share of those everybody may have."""
    values = _activity()
    if isinstance(values, Unknown):
        return values
    server = values["server"]
    used = sum(row["sessions"] for row in values["sessions"])
    most = server["max_connections"] - server["reserved_connections"]
    if used < watch.limit * most:
        return []
    states = ", ".join(f"{row['sessions']} {row['state']}" for row in values["sessions"])
    return [Breach("", f"{used} of {most} connections are in use ({percent(used / most, 0)}): {states}.")]


@condition("health.idle_in_transaction", every=FAST)
@condition("health.idle_in_transaction_long", every=FAST)
def idle_in_transaction(watch: Watch) -> Answer:
    """A transaction is open and nobody works in it."""
    return _transactions(watch, "idle in transaction", "state_seconds", "open and idle")


@condition("health.long_transaction", every=FAST)
def long_transaction(watch: Watch) -> Answer:
    """A transaction is at work for long: one that is idle has alerts of its own."""
    return _transactions(watch, "active", "transaction_seconds", "at work")


def _transactions(watch: Watch, state: str, seconds: str, doing: str) -> Answer:
    """Transactions whose state begins so, for at least the limit, counted by the column named `seconds`."""
    values = _activity()
    if isinstance(values, Unknown):
        return values
    found = [
        row
        for row in values["transactions"]
        if row["state"].startswith(state) and row[seconds] >= watch.limit
    ]
    if not found:
        return []
    first = max(found, key=itemgetter(seconds))
    who = f"process {first['pid']} of {first['role']} ({first['application'] or 'unnamed'})"
    text = f"{_many(found, 'transaction is', 'transactions are')} {doing}, the longest for"
    return [Breach("", f"{text} {duration(first[seconds])}: {who}.")]


@condition("health.blocked_sessions", every=FAST)
def blocked_sessions(watch: Watch) -> Answer:
    """Several sessions wait for locks."""
    return _blocked(lambda waits: len(waits) >= watch.limit)


@condition("health.blocked_long", every=FAST)
def blocked_long(watch: Watch) -> Answer:
    """A session has waited for a lock for long."""
    return _blocked(lambda waits: max(row["seconds"] for row in waits) >= watch.limit)


def _blocked(is_breach: Any) -> Answer:
    values = _activity()
    if isinstance(values, Unknown):
        return values
    waits = [row for row in values["waits"] if row["event"] != "SyncRep"]
    if not waits or not is_breach(waits):
        return []
    longest = max(row["seconds"] for row in waits)
    text = f"{_many(waits, 'session waits', 'sessions wait')} for locks, the longest for {duration(longest)}."
    waiting = {row["pid"] for row in waits}
    heads = sorted({pid for row in waits for pid in row["blocked_by"]} - waiting)
    names = ", ".join(_head(pid) for pid in heads)
    return [Breach("", f"{text} At the head: {names}." if names else text)]


def _head(pid: int) -> str:
    return f"process {pid}" if pid else "a prepared transaction"


@condition("health.wraparound", every=FAST)
@condition("health.wraparound_near", every=FAST)
def wraparound(watch: Watch) -> Answer:
    """Fewer transactions are left than the limit."""
    values = _activity()
    if isinstance(values, Unknown):
        return values
    left = XIDS - values["server"]["oldest_xid_age"]
    if left >= watch.limit:
        return []
    now = get_reading(NOW)
    holders = (now.data.get("holders") or []) if now else []
    held = f" The oldest is held by: {holder_name(holders[0])}." if holders else ""
    return [Breach("", f"{number(left)} transactions are left before the server stops taking writes.{held}")]


@condition("health.cache_hit_low", every=FAST)
@condition("health.cache_hit_bad", every=FAST)
def cache_hit(watch: Watch) -> Answer:
    """Fewer block reads of the last minute were found in memory than the limit."""
    values = _activity()
    if isinstance(values, Unknown):
        return values
    rate = values["minute"].get("hit_rate")
    if rate is None or rate >= watch.limit:  # too little was read to say
        return []
    return [Breach("", f"{percent(rate)} of the block reads of the last minute were found in memory.")]


@condition("health.rollbacks", every=FAST)
def rollbacks(watch: Watch) -> Answer:
    """More transactions of the last minute were rolled back than the limit, a share."""
    values = _activity()
    if isinstance(values, Unknown):
        return values
    share, tps = values["minute"].get("rollback_share"), values["minute"].get("tps", 0)
    if share is None or share <= watch.limit or tps < ENOUGH_TPS:
        return []
    return [Breach("", f"{percent(share, 0)} of {number(tps, 0)} transactions a second were rolled back.")]


@condition("health.deadlocks", every=FAST)
def deadlocks(watch: Watch) -> Answer:
    """More deadlocks a minute than the limit."""
    values = _activity()
    if isinstance(values, Unknown):
        return values
    found = values["minute"].get("deadlocks_per_minute", 0)
    if found <= watch.limit:
        return []
    return [Breach("", f"{number(found, 0)} deadlocks in the last minute; each threw somebody's work away.")]


def _activity() -> Values | Unknown:
    reading = trusted(ACTIVITY, PRIMARY)
    if isinstance(reading, Unknown):
        return reading
    if "sessions" not in reading.data or "server" not in reading.data:
        return Unknown(f"{PRIMARY} was read by another release.", reading.taken_at)
    return {"minute": {}, "transactions": [], "waits": [], **reading.data}


def _many(rows: Sequence[object], one: str, several: str) -> str:
    return f"1 {one}" if len(rows) == 1 else f"{len(rows)} {several}"
