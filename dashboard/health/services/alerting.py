"""Conditions over the machine, Redis and PgBouncer."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import current_app

from dashboard.alerts.registry import Answer, Breach, Unknown, Watch, condition
from dashboard.core.filters import bytes_, duration, number, percent
from dashboard.health.alerting import away, trusted
from dashboard.health.services.refreshing import BROKER, CACHE, FAST, MACHINE, POOLS, lately

NEWS = timedelta(minutes=10)  # a counter that grew: for so long it is told
NAMES = {BROKER: "The broker", CACHE: "The cache"}
Values = Mapping[str, Any]


@condition("health.memory_filling", every=FAST)
@condition("health.memory_nearly_full", every=FAST)
def memory_used(watch: Watch) -> Answer:
    """More of the machine's memory is in use than the limit, a share of one."""
    reading = trusted(MACHINE, "The machine")
    if isinstance(reading, Unknown):
        return reading
    whole, free = (reading.data[name] for name in ("memory_bytes", "memory_free_bytes"))
    used = whole - free
    if used < watch.limit * whole:
        return []
    text = f"{percent(used / whole)} of the memory of {reading.data['name']} is in use: {bytes_(used)} of"
    runs = "Steward and the ERP server run there" if reading.data["hosts_erp"] else "Steward runs there"
    return [Breach("", f"{text} {bytes_(whole)}, {bytes_(free)} can be had. {runs}.")]


def _of(keys: tuple[str, ...], judge: Callable[[str, Values], str]) -> Answer:
    """Judge broker and cache; one that does not answer has an alert of its own, and says nothing here."""
    breaches, doubts = [], []
    for key in keys:
        reading = trusted(key, NAMES[key])
        if isinstance(reading, Unknown):
            doubts.append(reading)
        elif text := judge(NAMES[key], reading.data):
            breaches.append(Breach(key.partition(".")[2], text))
    return doubts[0] if doubts and not breaches else breaches


@condition("health.redis_memory", every=FAST)
def redis_memory(watch: Watch) -> Answer:
    """More memory is used than the limit, a share of maxmemory. The cache is meant to fill: it evicts."""

    def judge(name: str, values: Values) -> str:
        most = values["max_bytes"]
        if not most or values["used_bytes"] <= watch.limit * most or values["policy"].startswith("allkeys"):
            return ""
        share = percent(values["used_bytes"] / most, 0)
        return f"{name} uses {bytes_(values['used_bytes'])} of {bytes_(most)} ({share}); full, it takes none."

    return _of((BROKER, CACHE), judge)


@condition("health.redis_rejected", every=FAST)
def redis_rejected(watch: Watch) -> Answer:
    """Connections were refused not long ago."""
    return _of((BROKER, CACHE), lambda name, values: _grew(name, values, "rejected_connections", watch.now))


@condition("health.redis_evictions", every=FAST)
def redis_evictions(watch: Watch) -> Answer:
    """The broker threw keys away not long ago: those are jobs."""
    return _of((BROKER,), lambda name, values: _grew(name, values, "evicted_keys", watch.now))


def _grew(name: str, values: Values, counter: str, now: datetime) -> str:
    moment = values.get(f"{counter}_grew_at")
    if not moment or not lately(datetime.fromisoformat(moment), NEWS, now):
        return ""
    ago = duration(max(timedelta(), now - datetime.fromisoformat(moment)))
    what = {"evicted_keys": "keys were evicted", "rejected_connections": "connections were refused"}[counter]
    return f"{name}: {number(values[counter])} {what} since it was started, the last ones {ago} ago."


@condition("health.redis_append_only", every=FAST)
def redis_append_only(_watch: Watch) -> Answer:
    """The append-only file is on and cannot be written."""
    return _of(
        (BROKER, CACHE),
        lambda name, values: (
            ""
            if values["append_only_ok"] or not values["append_only"]
            else f"{name} could not write or rewrite its append-only file at its last attempt."
        ),
    )


@condition("health.pgbouncer_waiting", every=FAST)
def pgbouncer_waiting(watch: Watch) -> Answer:
    """Clients of a pool wait for a server connection for longer than the limit."""
    if not current_app.extensions["steward_settings"].pgbouncer_url:
        return []
    reading = trusted(POOLS, "PgBouncer")
    if isinstance(reading, Unknown):
        return reading
    return [
        Breach(
            f"{row['database']}/{row['user']}",
            f"{row['clients_waiting']} clients of {row['database']} ({row['user']}) wait, the longest for"
            f" {duration(row['longest_wait'])}; {row['servers_active']} server connections are at work.",
        )
        for row in reading.data["pools"]
        if row["clients_waiting"] and row["longest_wait"] >= watch.limit
    ]


@condition("health.pgbouncer_away", every=FAST)
def pgbouncer_away(_watch: Watch) -> Answer:
    """PgBouncer did not answer the last probe."""
    if not current_app.extensions["steward_settings"].pgbouncer_url:
        return []
    return away(POOLS, "PgBouncer")
