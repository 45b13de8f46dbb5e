"""Versions of definitions: which parameters hold for whom, now and in a replay."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from dashboard.kpis import registry, versions
from dashboard.kpis.definitions import suppliers
from dashboard.kpis.models import KpiSetting, KpiVersion
from dashboard.kpis.versions.document import document
from tests.kpis.conftest import Company

FAMILY = suppliers.DELIVERIES


def declare(session: Session, tolerance: int, org_id: int | None = None, revision: int = 1) -> KpiVersion:
    row = KpiVersion(
        code="otif",
        org_id=org_id,
        revision=revision,
        parameters={"tolerance": tolerance, "full": 95, "gone": 1},
        reason="The board said so",
    )
    session.add(row)
    session.flush()
    return row


def tolerances(session: Session, **rest: object) -> dict[int, object]:
    found = versions.terms(session, FAMILY, **rest)  # type: ignore[arg-type]
    return {each["org_id"]: each["otif_tolerance"] for each in found.parameters}


def test_an_organization_has_its_own_version_over_that_for_all(tenant: Session, company: Company) -> None:
    other = company.organization("Elsewhere")
    assert tolerances(tenant) == {company.org.id: 0, other.id: 0}
    declare(tenant, 1)
    declare(tenant, 5, company.org.id)
    declare(tenant, 2, revision=2)
    assert tolerances(tenant) == {company.org.id: 5, other.id: 2}
    parameters = versions.terms(tenant, FAMILY).parameters[0]
    assert set(parameters) == {"org_id"} | {
        f"{kpi.code}_{parameter.name}"
        for kpi in registry.of_family(FAMILY.name)
        for parameter in kpi.parameters
    }


def test_a_replay_counts_versions_up_to_one(tenant: Session, company: Company) -> None:
    first = declare(tenant, 1)
    declare(tenant, 2, revision=2)
    org_id = company.org.id
    assert tolerances(tenant) == {org_id: 2}
    assert tolerances(tenant, revisions={"otif": first.id}) == {org_id: 1}
    assert tolerances(tenant, revisions={"otif": 0}) == {org_id: 0}
    as_of = datetime(2026, 3, 1, tzinfo=UTC)
    assert versions.terms(tenant, FAMILY, as_of).as_of == as_of


def test_display_currency_is_the_chosen_or_the_usual_one(tenant: Session, company: Company) -> None:
    assert versions.display_currency(tenant) == "EUR"
    for name in ("Osaka", "Kyoto"):
        company.organization(name, currency="JPY")
    assert versions.display_currency(tenant) == "JPY"
    tenant.add(KpiSetting(display_currency="USD"))
    tenant.flush()
    assert versions.terms(tenant, FAMILY).currency == "USD"


def test_the_documentation_says_what_the_registry_says() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs/kpis.md").read_text(encoding="utf-8")
    assert text == document(), "write it anew: python -m dashboard.kpis.versions.document > docs/kpis.md"
    assert all(f"(`{code}`)" in text for code in registry.KPIS)
