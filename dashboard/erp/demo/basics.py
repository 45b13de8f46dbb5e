"""Makes organizations, people, currencies, units, categories, products and warehouses."""

import math
import random
from datetime import date
from decimal import Decimal

from dashboard.erp.demo import tongues, words
from dashboard.erp.demo.market import CURRENCIES, first_of, money, month_of
from dashboard.erp.demo.profiles import AS_OF, MONTHS
from dashboard.erp.demo.world import Article, Org, World
from dashboard.translations.fields import hash_of

ORGANIZATIONS = (("Europe", "EUR", "Europe/Berlin", "en"), ("Japan", "JPY", "Asia/Tokyo", "ja"))
# Address, and above which value in the base currency an order needs a second person.
BOOKS = {
    "EUR": ("Speicherstraße 12\n20457 Hamburg\nGermany", 50_000),
    "JPY": ("2-4-1 Marunouchi\nChiyoda-ku, Tokyo 100-0005\nJapan", 8_000_000),
}
UNITS = (
    ("pc", "Piece", "count", 1),
    ("box", "Box of 12", "count", 12),
    ("kg", "Kilogram", "mass", 1),
    ("t", "Tonne", "mass", 1000),
    ("m", "Metre", "length", 1),
    ("l", "Litre", "volume", 1),
    ("h", "Hour", "time", 1),
)
TRANSLATED, STALE = 0.7, 0.04
PLANTED_STALE = {(1, "de"), (1, "ja"), (2, "de"), (3, "de"), (4, "de")}
WAREHOUSES = ("Central", "North", "South", "Returns")
TITLES = ("Buyer", "Senior buyer", "Planner", "Warehouse lead", "Sales", "Controller")


def make(world: World) -> None:
    """Make everything documents refer to, except partners."""
    _organizations(world)
    _people(world)
    _money(world)
    for code, name, dimension, factor in UNITS:
        world.book.add("unit", code=code, name=name, dimension=dimension, factor=factor)
    for org in world.orgs:
        _categories(world, org)
        _warehouses(world, org)
    for row in range(1, world.profile.products + 1):
        _product(world, world.org_of(row), row)


def _organizations(world: World) -> None:
    for suffix, base, zone, locale in ORGANIZATIONS:
        address, threshold = BOOKS[base]
        number = world.book.add(
            "organization",
            name=f"{world.name} {suffix}",
            base_currency=base,
            time_zone=zone,
            locale=locale,
            address=address,
            approval_threshold=threshold,
            quantity_tolerance_percent=2,
            price_tolerance_percent=1,
        )
        world.orgs.append(Org(number, base, locale, Decimal(threshold)))


def _people(world: World) -> None:
    for row in range(1, world.profile.people + 1):
        rng = world.chance.of("app_user", row)
        name = words.person(rng)
        user = world.book.add("app_user", name=name, email=f"person{row}@{world.chance.salt}.example")
        zone = ORGANIZATIONS[0 if world.org_of(row) is world.orgs[0] else 1]
        world.book.add(
            "profile",
            user_id=user,
            job_title=rng.choice(TITLES),
            phone=f"+49 30 {row:06}",
            language=zone[3],
            time_zone=zone[2],
        )
        role = rng.choice(("buyer", "buyer", "sales", "warehouse", "manager"))
        world.book.add("membership", org_id=world.org_of(row).id, user_id=user, role=role)
        world.people.append(user)


def _money(world: World) -> None:
    for code, (_, decimals, name) in CURRENCIES.items():
        world.book.add("currency", code=code, name=name, decimals=decimals)
    days: list[date] = [*(first_of(month) for month in range(MONTHS)), AS_OF.date()]
    for base in dict.fromkeys(org.base for org in world.orgs):
        for code in CURRENCIES:
            for day in days if code != base else ():
                rate = world.market.rate(code, base, month_of(day))
                world.book.add("fx_rate", from_currency=code, to_currency=base, on_date=day, rate=rate)


def _categories(world: World, org: Org) -> None:
    for name, below in words.CATEGORIES.items():
        code = name[:4].upper()
        row = {"org_id": org.id, "parent_id": None, "code": code, "name": name, "path": name}
        parent = world.book.add("product_category", **row)
        org.categories.append(parent)
        for position, child in enumerate(below, 1):
            row = {"parent_id": parent, "code": f"{code}-{position}", "name": child}
            number = world.book.add("product_category", org_id=org.id, **row, path=f"{name} / {child}")
            org.categories.append(number)


def _warehouses(world: World, org: Org) -> None:
    country = "DE" if org.base == "EUR" else "JP"
    for position, name in enumerate(WAREHOUSES, 1):
        row = {"org_id": org.id, "code": f"W{position}", "name": name, "country": country}
        org.warehouses.append(world.book.add("warehouse", **row))


def _product(world: World, org: Org, row: int) -> None:
    rng = world.chance.of("product", row)
    category = rng.choice(org.categories)
    cost = _cost(world, category, rng) * world.market.per_euro[org.base][0]
    name = words.article(world.chance.of("product name", row), org.language)
    number = world.book.add(
        "product",
        org_id=org.id,
        sku=f"P-{row:06}",
        name=name,
        category_id=category,
        unit_id=rng.choice((1, 1, 1, 2, 3, 5)),
        standard_cost=money(cost, org.base),
        price=money(cost * rng.uniform(1.2, 1.9), org.base),
        currency=org.base,
        reorder_point=rng.choice((0, 20, 50, 100)),
        min_order_qty=rng.choice((1, 1, 10, 50)),
        is_active=rng.random() > 0.05,
    )
    org.products.append(Article(number, category, cost, name))
    _translate(world, org, number, name)


def _translate(world: World, org: Org, product: int, name: str) -> None:
    """Translate a name into the other languages, not all; a few were made of an earlier name."""
    for language in tongues.LANGUAGES:
        rng = world.chance.of(f"translation {language}", product)
        if language == org.language or rng.random() > TRANSLATED:
            continue
        is_stale = rng.random() < STALE or (product, language) in PLANTED_STALE
        number = world.book.add(
            "content_translation",
            entity="product",
            record_id=product,
            language=language,
            field="name",
            text=words.article(world.chance.of("product name", product), language),
            source_hash=hash_of(f"{name} (old)" if is_stale else name),
        )
        if is_stale:
            world.plant("translation of an earlier text", "content_translation", number)


def _cost(world: World, category: int, rng: random.Random) -> float:
    """Draw a lognormal cost in euros: each category has its own median and spread."""
    kind = world.chance.of("cost", category)
    return max(0.5, rng.lognormvariate(math.log(kind.uniform(2, 60)), kind.uniform(0.4, 0.9)))
