"""Makes what a supplier can show: certificates, and prices of products with breaks."""

from datetime import timedelta
from decimal import Decimal

from dashboard.erp.demo.market import money
from dashboard.erp.demo.profiles import AS_OF, MONTHS
from dashboard.erp.demo.world import Org, World

ISSUERS = ("TÜV Nord", "DNV", "Bureau Veritas", "SGS", "Intertek")
BREAKS = ((1, "1"), (100, "0.94"), (1000, "0.87"))
EXPIRED, EXPIRING = 0.02, 0.03
"""Shares of certificates that have run out, and (further ones) that run out within 30 days."""
OFFERS_PRODUCTS = 0.35


def make(world: World, org: Org, supplier: int, certificates: list[str]) -> None:
    """Make a supplier's certificates as its capabilities name them, and its price list."""
    for name in certificates:
        _certificate(world, org, supplier, name)
    rng = world.chance.of("supplier_product", supplier)
    if rng.random() < OFFERS_PRODUCTS:
        for article in rng.sample(org.products, min(len(org.products), rng.randrange(1, 4))):
            _prices(world, org, supplier, article.id, article.cost * rng.uniform(0.95, 1.2))


def _certificate(world: World, org: Org, supplier: int, name: str) -> None:
    rng = world.chance.of(f"certificate {name}", supplier)
    days, kind = rng.randrange(31, 1000), rng.random()
    if kind < EXPIRED:
        days = -rng.randrange(1, 200)
    elif kind < EXPIRED + EXPIRING:
        days = rng.randrange(1, 31)
    expires = AS_OF.date() + timedelta(days=days)
    number = world.book.add(
        "supplier_certificate",
        org_id=org.id,
        supplier_id=supplier,
        name=name,
        number=f"{name[:3].upper()}-{rng.randrange(10**5, 10**6)}",
        issuer=rng.choice(ISSUERS),
        issued_on=expires - timedelta(days=1095),
        expires_on=expires,
    )
    if days <= 0:
        world.plant("certificate has expired", "supplier_certificate", number)
    elif days <= 30:
        world.plant("certificate expires within 30 days", "supplier_certificate", number)


def _prices(world: World, org: Org, supplier: int, product: int, cost: float) -> None:
    rng = world.chance.of(f"price {product}", supplier)
    currency = world.supplier_currency[supplier]
    exchange = float(world.market.rate(org.base, currency, MONTHS - 1))
    price = Decimal(str(cost * exchange))
    lead = rng.randrange(5, 45)
    for quantity, share in BREAKS[: rng.choice((1, 2, 3, 3))]:
        number = world.book.add(
            "supplier_product",
            org_id=org.id,
            supplier_id=supplier,
            product_id=product,
            supplier_sku=f"{supplier}-{product}",
            from_quantity=quantity,
            unit_price=max(money(price * Decimal(share), currency), money(1, currency)),
            currency=currency,
            lead_days=lead,
            valid_until=AS_OF.date() + timedelta(days=rng.choice((60, 120, 240))),
        )
        if currency == "KWD":
            world.plant("price in dinars, with three decimals", "supplier_product", number)
