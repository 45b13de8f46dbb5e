"""Makes suppliers with their contacts, and customers; some suppliers are there twice."""

import random
from datetime import UTC, datetime, timedelta
from enum import Enum

from dashboard.erp.demo import offering, words
from dashboard.erp.demo.chance import Zipf
from dashboard.erp.demo.market import CURRENCIES
from dashboard.erp.demo.world import Org, World

COUNTRIES = words.listed(
    """DE FR IT ES PL CZ AT CH NL BE SE FI DK GB IE PT RO HU TR IN CN JP KR TW VN TH MY US MX BR AE KW SA IL
EG ZA"""
)
REGIONS = {
    "Asia": "IN CN JP KR TW VN TH MY",
    "Americas": "US MX BR",
    "Middle East and Africa": "AE KW SA IL EG ZA TR",
}
REGION_OF = {country: region for region, countries in REGIONS.items() for country in countries.split()}
HOME = {"CN": "CNY", "JP": "JPY", "KW": "KWD", "GB": "GBP", "US": "USD", "CH": "CHF"}
CERTIFICATES = ("ISO9001", "ISO14001", "IATF16949", "OEKO-TEX", "RoHS")
DUPLICATE_EVERY = 150
SINCE = datetime(2019, 1, 7, 8, tzinfo=UTC)


class Double(Enum):
    """How a supplier shows that it is the same as an earlier one: rows 2, 4, 10 and 12 of every 150."""

    NAME = 2, 1, "duplicate supplier: same name, spelled differently"
    TAX_ID = 4, 3, "duplicate supplier: same tax id, another name"
    DOMAIN = 10, 9, "duplicate supplier: same mail and web domain, no tax id"
    FOREIGN = 12, 6, "duplicate supplier: same tax id, in the second organization"


def make(world: World) -> None:
    """Make suppliers and customers; a supplier's rank in spend is a shuffle, not its id."""
    for row in range(1, world.profile.suppliers + 1):
        _supplier(world, world.org_of(row), row)
    for org in world.orgs:
        ranked = org.suppliers[:]
        world.chance.of("rank", org.id).shuffle(ranked)
        org.by_spend = Zipf(ranked)
    for row in range(1, world.profile.customers + 1):
        _customer(world, world.org_of(row), row)


def _supplier(world: World, org: Org, row: int) -> None:
    rng = world.chance.of("supplier", row)
    latent = world.chance.latent(row)
    double, first = _double_of(row)
    if double:
        world.plant(double.value[2], "supplier", row)
    country = rng.choice(COUNTRIES)
    observed = rng.randrange(0, 60)
    reliability = round(min(100.0, max(0.0, rng.gauss(latent.reliability, 5))), 2) if observed else None
    certificates = sorted(rng.sample(CERTIFICATES, rng.randrange(0, 4)))
    site = first if double is Double.DOMAIN else row
    number = world.book.add(
        "supplier",
        org_id=org.id,
        code=f"S-{row:06}",
        name=_name(world, row),
        tax_id=_tax_id(world, row),
        email=f"sales@s{row}.example" if site == row else f"office@s{site}.example",
        phone=f"+{rng.randrange(20, 99)} {rng.randrange(100, 999)} {rng.randrange(10**6, 10**7)}",
        website=f"https://www.s{site}.example",
        address=f"{rng.randrange(1, 240)} {rng.choice(words.ROOTS)} Street\n{rng.choice(words.PLACES)}",
        category_id=rng.choice(org.categories),
        region=REGION_OF.get(country, "Europe"),
        country=country,
        status=rng.choices(("active", "prospect", "blocked", "inactive"), (88, 7, 1, 4))[0],
        capabilities={"certs": certificates, "moq": rng.choice((1, 50, 100, 500)), "oem": rng.random() < 0.3},
        reliability=reliability,
        score_n=observed,
        lead_time_days=rng.randrange(5, 60),
        payment_days=rng.choice((14, 30, 30, 45, 60)),
        created_at=SINCE + timedelta(hours=row % 50_000),
    )
    org.suppliers.append(number)
    world.supplier_currency[number] = HOME.get(country, org.base)
    _contacts(world, org, number, rng)
    offering.make(world, org, number, certificates)


def _double_of(row: int) -> tuple[Double | None, int]:
    """Return how a row doubles an earlier one, and which; both belong to one organization."""
    for double in Double:
        place, first, _ = double.value
        if row % DUPLICATE_EVERY == place:
            return double, row - place + first
    return None, row


def _tax_id(world: World, row: int) -> str | None:
    double, first = _double_of(row)
    if double is Double.DOMAIN:
        return None
    row = first if double in {Double.TAX_ID, Double.FOREIGN} else row
    rng = world.chance.of("tax id", row)
    return f"{rng.choice(COUNTRIES)}{rng.randrange(10**8, 10**9)}"


def _name(world: World, row: int) -> str:
    double, first = _double_of(row)
    if double is Double.NAME:
        return words.company(world.chance.of("supplier name", first)).upper().replace(".", "")
    if double in {Double.TAX_ID, Double.FOREIGN}:
        name = words.company(world.chance.of("supplier name", first))
        return words.misspelt(world.chance.of("misspelt", row), name)
    if row % 97 == 8:
        world.plant("name in Chinese, Japanese or Korean", "supplier", row)
        return f"{words.CJK[row // 97 % len(words.CJK)]} {row}"
    if row % 101 == 7:
        world.plant("name written from right to left", "supplier", row)
        return f"{words.RTL[row // 101 % len(words.RTL)]} {row}"
    return words.company(world.chance.of("supplier name", row))


def _contacts(world: World, org: Org, supplier: int, rng: random.Random) -> None:
    for position in range(1 + (rng.random() < 0.3)):
        world.book.add(
            "supplier_contact",
            org_id=org.id,
            supplier_id=supplier,
            position=position + 1,
            name=words.person(rng),
            role=rng.choice(("Sales", "Quality", "Logistics", "Owner")),
            email=f"contact{position + 1}@s{supplier}.example",
            is_primary=position == 0,
        )


def _customer(world: World, org: Org, row: int) -> None:
    rng = world.chance.of("customer", row)
    country = rng.choice(COUNTRIES)
    currency = HOME.get(country, org.base)
    number = world.book.add(
        "customer",
        org_id=org.id,
        code=f"C-{row:05}",
        name=words.company(rng),
        email=f"orders@c{row}.example",
        city=rng.choice(words.PLACES).replace("-", " "),
        country=country,
        currency=currency if currency in CURRENCIES else org.base,
    )
    org.customers.append(number)
