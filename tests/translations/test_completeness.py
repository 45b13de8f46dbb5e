"""How complete each language is: counted over live records of organizations that write another one."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, text
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from dashboard.translations import languages, queries, service
from tests.factories import OrganizationFactory, ProductFactory


def fill(session: Session) -> list[int]:
    """Four products in English and one in German; German: one current, one stale, of the English ones."""
    english, german = OrganizationFactory(locale="en_US"), OrganizationFactory(locale="de")
    made = [ProductFactory(name=f"Part {n}", description=None, organization=english) for n in range(4)]
    own = ProductFactory(name="Teil", organization=german)
    service.save(session, "product", made[0], "de", "name", "Teil 0")
    service.save(session, "product", made[1], "de", "name", "Teil 1")
    made[1].name = "Part one"
    made[3].deleted_at = func.now()
    session.flush()
    return [product.id for product in [*made, own]]


def test_languages_are_those_of_organizations_and_of_translations(tenant: Session) -> None:
    fill(tenant)
    product = ProductFactory(organization=OrganizationFactory(locale="en"))
    service.save(tenant, "product", product, "fr", "name", "Pièce")
    assert languages.in_use(tenant) == ["de", "en", "fr"]


def test_progress_counts_live_records_of_other_languages(tenant: Session) -> None:
    fill(tenant)
    found = {(row.field, row.language): row for row in queries.progress(tenant, "product", ["de", "en"])}
    german, english = found["name", "de"], found["name", "en"]
    assert (german.total, german.done, german.stale, german.missing, german.percent) == (3, 1, 1, 1, 33)
    assert (english.total, english.done, english.missing, english.percent) == (1, 0, 1, 0)
    assert found["description", "de"].total == 0  # no original, nothing to translate
    assert found["description", "de"].percent == 100


def test_gaps_name_what_is_missing_or_stale(tenant: Session) -> None:
    _, stale, missing, _deleted, german = fill(tenant)
    found = queries.gaps(tenant, "product", "name", "de")
    assert [(gap.record_id, gap.state, gap.text) for gap in found] == [
        (stale, "stale", "Teil 1"),
        (missing, "missing", ""),
    ]
    assert [gap.record_id for gap in queries.gaps(tenant, "product", "name", "de", after=stale)] == [missing]
    assert [gap.record_id for gap in queries.gaps(tenant, "product", "name", "en")] == [german]


def test_python_and_sql_hash_alike(tenant: Session) -> None:
    organization = OrganizationFactory(locale="en")
    for name in ("Ünïcode 価格 🧲", "two\nlines", " spaces "):
        product = ProductFactory(name=name, organization=organization)
        service.save(tenant, "product", product, "fr", "name", "x")
    rows = [row for row in queries.progress(tenant, "product", ["fr"]) if row.field == "name"]
    assert (rows[0].done, rows[0].stale) == (3, 0)


@pytest.fixture
def filled(acme: TenantRef) -> list[int]:
    """The same, stored."""
    with use_tenant(acme, actor="maker@example.com") as session:
        made = fill(session)
        session.commit()
        return made


def test_the_page_leads_to_what_is_missing(filled: list[int], login: Callable[..., FlaskClient]) -> None:
    manager = login("manager", tenant="acme")
    page = manager.get("/t/acme/records/translations/")
    assert "33 %" in page.text
    assert "/t/acme/records/translations/product/name/de" in page.text
    missing = manager.get("/t/acme/records/translations/product/name/de")
    assert "Part one" in missing.text
    assert f"/t/acme/records/product/{filled[2]}?language=de#translations" in missing.text
    assert "Teil 0" not in missing.text
    done = manager.get(f"/t/acme/records/translations/product/name/de?after={filled[-1]}")
    assert "Nothing is waiting" in done.text


def test_long_lists_come_in_pages(
    filled: list[int], login: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "PAGE", 1)
    page = login("staff", tenant="acme").get("/t/acme/records/translations/product/name/de")
    assert f"after={filled[1]}" in page.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("product/sku/de", 404),
        ("unit/name/de", 404),
        ("nothing/name/de", 404),
        ("product/name/x!", 422),
        ("product/name/de?after=abc", 200),
        ("product/name/de?after=99999999999999999999999", 200),
        ("product/name/fr", 200),
    ],
)
def test_addresses_that_make_no_sense_are_answered(
    login: Callable[..., FlaskClient], path: str, status: int
) -> None:
    answer = login("staff", tenant="acme").get(f"/t/acme/records/translations/{path}")
    assert answer.status_code == status


def test_a_tenant_without_organizations_is_told_where_languages_come_from(
    login: Callable[..., FlaskClient], acme: TenantRef
) -> None:
    with use_tenant(acme, actor="x") as session:
        session.execute(text("UPDATE organization SET deleted_at = now()"))
        session.commit()
    page = login("staff", tenant="acme").get("/t/acme/records/translations/")
    assert "No languages yet" in page.text
    assert db.session is not None
