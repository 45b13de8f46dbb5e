"""What the filters of Insights offer: the living, in order, and the currency amounts are shown in."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from dashboard.erp.models import ProductCategory
from dashboard.kpis import choices
from dashboard.kpis.models import KpiSetting
from tests.kpis.conftest import Company

GONE = datetime(2026, 4, 1, tzinfo=UTC)


def test_an_empty_tenant_offers_nothing(tenant: Session) -> None:
    assert choices.read(tenant) == choices.Choices((), (), (), "EUR")


def test_organizations_stand_by_name_with_what_their_figures_need(tenant: Session, company: Company) -> None:
    company.organization("Aachen works", currency="JPY", time_zone="Asia/Tokyo").fiscal_month = 4
    company.organization("Cottbus works").deleted_at = GONE
    tenant.flush()
    found = choices.read(tenant).orgs
    assert [(org.name, org.currency, org.time_zone, org.fiscal_month) for org in found] == [
        ("Aachen works", "JPY", "Asia/Tokyo", 4),
        ("Berlin works", "EUR", "Europe/Berlin", 1),
    ]
    assert found[1].id == company.org.id


def test_categories_stand_by_path_else_by_name(tenant: Session, company: Company) -> None:
    for name, path, deleted_at in (
        ("Bolts", "Metal / Bolts", None),
        ("Paint", "", None),
        ("Metal", "Metal", None),
        ("Wood", "Wood", GONE),
    ):
        made = ProductCategory(org_id=company.org.id, code=name, name=name, deleted_at=deleted_at)
        tenant.add(made)
        tenant.flush()
        made.path = path  # as before paths were kept
        tenant.flush()
    offered = choices.read(tenant)
    assert {each.path for each in offered.categories} == {"Metal / Bolts", "Paint", "Metal"}
    named = [each.path for each in offered.categories if each.path != "Paint"]
    assert named == ["Metal", "Metal / Bolts"]


def test_each_region_of_a_living_supplier_stands_once(tenant: Session, company: Company) -> None:
    for name, region, deleted_at in (
        ("A", "South", None),
        ("B", "North", None),
        ("C", "South", None),
        ("D", "", None),
        ("E", None, None),
        ("F", "West", GONE),
    ):
        made = company.supplier(name)
        made.region, made.deleted_at = region, deleted_at
    tenant.flush()
    assert choices.read(tenant).regions == ("North", "South")


def test_amounts_are_shown_in_the_declared_currency_else_the_usual(tenant: Session, company: Company) -> None:
    company.organization("Kyoto works", currency="JPY")
    company.organization("Osaka works", currency="JPY")
    assert choices.read(tenant).currency == "JPY"
    tenant.add(KpiSetting(display_currency="USD"))
    tenant.flush()
    assert choices.read(tenant).currency == "USD"
