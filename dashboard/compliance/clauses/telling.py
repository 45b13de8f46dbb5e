"""Clauses over being told: alerts reach a person, and somebody outside notices silence."""

from datetime import timedelta

from dashboard.alerts import deadman
from dashboard.alerts.deliveries import queries as deliveries
from dashboard.compliance.evidence import PROOFS, live, missing, proven
from dashboard.compliance.facts import Facts
from dashboard.compliance.judging import plain_length
from dashboard.compliance.registry import Area, Link, State, Verdict, promise
from dashboard.health.services.refreshing import POOLS

LATE = timedelta(minutes=5)
HEARD, UNHEARD = timedelta(minutes=5), timedelta(hours=1)
PAGE = Link("alerts.page")
LONG_WAIT = 1.0  # seconds a client waits for a connection


@promise(
    "operations.told",
    area=Area.OPERATIONS,
    title="Alerts reach a person, by mail or webhook",
    why="A page nobody looks at wakes nobody.",
    fix="Add a route on the alerts page, send a test through it; read why a message did not arrive.",
    page="alerts.page",
    job="alerts.deliver",
    proof="Send what waits",
)
def told(facts: Facts) -> Verdict:
    """Routes that are on, the last message of each, and what did not arrive."""
    routes = [route for route in deliveries.list_routes() if route.is_active]
    if not routes:
        return Verdict(State.BROKEN, "No route", "Alerts go to nobody: there is no route that is on.")
    last = deliveries.list_last()
    troubled = deliveries.list_troubled(LATE, facts.now)
    value = f"{len(routes)} routes: {', '.join(route.name for route in routes)}"
    if troubled:
        text = (
            f"A message to {troubled[0].route.name} did not arrive: {troubled[0].error or 'nobody sends it'}"
        )
        at = troubled[0].created_at
        return Verdict(State.BROKEN, value, text, at, "The last message", PAGE)
    arrived = [row for route in routes if (row := last.get(route.id)) and row.sent_at]
    if not arrived:
        return missing("Nothing was ever sent through a route: send a test.", value=value)
    newest = max(row.sent_at for row in arrived if row.sent_at)
    found = proven(newest, "The last message", value, good_for=6 * facts.days(PROOFS), link=PAGE)
    untried = [route.name for route in routes if route.id not in last]
    if untried:
        return found.but(State.AT_RISK, f"Nothing was ever sent through {', '.join(untried)}: send a test.")
    return found


@promise(
    "operations.deadman",
    area=Area.OPERATIONS,
    title="Somebody outside notices within minutes when Steward itself is silent",
    why="Steward cannot tell anybody that it has died; only what it no longer says can.",
    fix="Set STEWARD_DEADMAN_URL to a check of a service outside; look what holds the pings back.",
    page="alerts.page",
)
def noticed(facts: Facts) -> Verdict:
    """The pings to the outside."""
    sign = deadman.read(facts.config, facts.now)
    if not sign.url_host:
        text = "No service outside is told that Steward lives (STEWARD_DEADMAN_URL)."
        return Verdict(State.BROKEN, "No signal", text)
    taken = sign.signal.taken_at if sign.signal else None
    if taken is None:
        return missing(sign.signal.error if sign.signal else "No ping was sent yet.", value=sign.url_host)
    value = f"{sign.url_host} took a ping {plain_length(facts.age(taken))} ago"
    found = Verdict(State.KEPT, value, "", taken, "The last ping", PAGE, HEARD, UNHEARD)
    if sign.held_for:
        return found.but(State.AT_RISK, f"Pings are held back: {sign.held_for}")
    return found.but(State.AT_RISK, sign.signal.error) if sign.signal and sign.signal.error else found


@promise(
    "operations.pooling",
    area=Area.OPERATIONS,
    title="The pooler answers, and nobody waits for a connection (where PgBouncer is configured)",
    why="When the pool is short the application stands still although the server is idle.",
    fix="Look on the health page who holds connections; enlarge the pool, or the server's limit.",
    page="health.page",
    job="health.probe_activity",
    proof="Read now",
)
def pooling(facts: Facts) -> Verdict:
    """The pools of PgBouncer."""
    if not facts.config.pgbouncer_url:
        return Verdict(State.NOT_PROMISED, "PgBouncer is not configured", "STEWARD_PGBOUNCER_URL is not set.")
    found = live(facts, POOLS, "The reading of the pools")
    if isinstance(found, Verdict):
        return found
    pools = found.values["pools"]
    waiting = sum(pool["clients_waiting"] for pool in pools)
    value = f"{len(pools)} pools, {sum(pool['clients_active'] for pool in pools)} clients at work"
    longest = max((pool["longest_wait"] for pool in pools), default=0.0)
    if waiting and longest >= LONG_WAIT:
        text = f"{waiting} clients wait for a connection, the longest for {longest:.0f} s."
        return found.says(State.BROKEN, value, text)
    return (
        found.says(State.AT_RISK, value, f"{waiting} clients wait.")
        if waiting
        else found.says(State.KEPT, value)
    )
