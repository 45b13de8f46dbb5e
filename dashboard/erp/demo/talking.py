"""Makes messages with suppliers, remarks on records, and the KPI values a small company writes by hand."""

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


OPERATOR = "admin@example.com"
"""The operator a new installation has unless it is told another address."""
REMARKED = {"rfq": 0.3, "purchase_order": 0.2, "supplier_invoice": 0.15, "supplier": 0.03}
REMARKS = (
    "Asked twice, now they answered.",
    "Please check the drawing before we go on.",
    "@admin@example.com could you look at the freight?",
    "Same conditions as last year.",
    "Talked to their sales manager: delivery is safe.",
    "Stimmt mit der Bestellung überein.",
    "Careful, the certificate runs out soon.",
)
TASKS = ("Call the supplier", "Check the conditions", "Ask for the certificate", "Compare with last year")


def make(world: World) -> None:
    """Make messages in the order of their time, and one value per KPI, month and organization."""
    for row in range(1, world.profile.messages + 1):
        _message(world, row)
    for table, share in REMARKED.items():
        for record in range(1, world.book.sheets[table].count + 1):
            _remark(world, table, record, share)
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


def _remark(world: World, table: str, record: int, share: float) -> None:
    """Write a comment on some records, and on a third of these something that was done about them."""
    rng = world.chance.of(f"comment {table}", record)
    if rng.random() > share:
        return
    at = AS_OF - timedelta(days=rng.uniform(1, 200))
    about = {"entity": table, "record_id": record}
    world.book.add(
        "comment",
        **about,
        body=rng.choice(REMARKS),
        created_at=at,
        created_by=rng.choice((OPERATOR, f"person{rng.randrange(1, 12)}@{world.chance.salt}.example")),
    )
    if rng.random() > 1 / 3:
        return
    world.book.add(
        "activity",
        **about,
        title=rng.choice(TASKS),
        due_on=(at + timedelta(days=3)).date(),
        assignee=OPERATOR,
        done_at=at + timedelta(days=2),
        done_by=OPERATOR,
        created_at=at,
        created_by=OPERATOR,
    )
