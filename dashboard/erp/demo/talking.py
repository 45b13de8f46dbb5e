"""Makes messages with suppliers, and the KPI values a small company writes down by hand."""

from datetime import timedelta
from decimal import Decimal

from dashboard.erp.demo import words
from dashboard.erp.demo.chance import moment
from dashboard.erp.demo.market import first_of
from dashboard.erp.demo.profiles import AS_OF, MONTHS
from dashboard.erp.demo.world import World

# Code, name, unit, which way is better, level and spread.
KPIS = (
    ("savings_pct", "Savings", "%", "higher", 6, 1.5),
    ("response_rate", "Response rate", "%", "higher", 62, 6),
    ("avg_lead_time", "Average lead time", "days", "lower", 33, 4),
    ("complaints", "Complaints", "count", "lower", 12, 4),
)


def make(world: World) -> None:
    """Make messages in the order of their time, and one value per KPI, month and organization."""
    for row in range(1, world.profile.messages + 1):
        _message(world, row)
    for org in world.orgs:
        for position, (code, name, unit, better, level, spread) in enumerate(KPIS):
            known = {"org_id": org.id, "code": code, "name": name, "unit": unit, "better": better}
            definition = world.book.add("kpi_definition", **known)
            rng = world.chance.of(f"kpi {code}", org.id + position)
            for month in range(MONTHS):
                value = Decimal(str(round(max(0.0, rng.gauss(level, spread)), 2)))
                period = f"{first_of(month):%Y-%m}"
                world.book.add(
                    "kpi_value", org_id=org.id, definition_id=definition, period=period, value=value
                )


def _message(world: World, row: int) -> None:
    org = world.org_of(row)
    rng = world.chance.of("message", row)
    sent = moment((row - rng.random()) / world.profile.messages, rng)
    read = sent + timedelta(minutes=rng.randrange(5, 3000))
    body = rng.choice(words.MESSAGES)
    world.book.add(
        "message",
        org_id=org.id,
        supplier_id=org.by_spend.one(rng),
        direction=rng.choice(("inbound", "outbound")),
        subject=body.split(",")[0].split("?")[0][:40],
        body=body,
        sent_at=sent,
        read_at=read if read < AS_OF and rng.random() < 0.8 else None,
        created_at=sent,
    )
