"""The view across tenants: what the job keeps, and who sees what of it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dashboard.jobs.models import SYSTEM_ACTOR
from dashboard.jobs.registry import get_job
from dashboard.jobs.run import Run
from dashboard.jobs.service import new_run
from dashboard.kpis import refreshing
from dashboard.kpis.definitions import suppliers
from dashboard.kpis.jobs import refresh
from dashboard.kpis.models import KpiTarget
from dashboard.kpis.tenants_view import jobs, queries, rows
from dashboard.kpis.tenants_view.models import Headline
from dashboard.kpis.versions import terms
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.queries import list_active
from dashboard.tenancy.scope import use_tenant
from tests.kpis.conftest import Company

NOW = datetime(2026, 4, 15, 9, 0, tzinfo=UTC)
MARCH = date(2026, 3, 1)


def headline(tenant: TenantRef, code: str, value: str | None, **more: object) -> Headline:
    given = {"month": MARCH, "currency": "EUR", "read_at": datetime.now(UTC), "as_of": NOW, "n": 4} | more
    return Headline(tenant_id=tenant.id, code=code, value=Decimal(value) if value else None, **given)


def test_job_keeps_the_last_whole_month_with_its_target_and_verdict(
    control: Session, acme: TenantRef
) -> None:
    with use_tenant(acme, actor="test") as session:
        company = Company(session)
        for day, promised in (("2026-03-10T12:00+01:00", 12), ("2026-03-20T12:00+01:00", 1)):
            receipt = company.receive(day, 10, "2.50")
            receipt.order.status = "received"
            receipt.lines[0].order_line.promised_on = date(2026, 3, promised)
        session.add(KpiTarget(code="otif", first_month=MARCH, last_month=MARCH, value=Decimal(95)))
        session.flush()
        refreshing.rebuild(session, suppliers.DELIVERIES, terms(session, suppliers.DELIVERIES, NOW))
        session.commit()
    assert jobs.read_tenant(acme, NOW) > 3
    (kept,) = control.scalars(select(Headline).where(Headline.code == "otif"))
    assert (kept.tenant_id, kept.month, kept.value, kept.n) == (acme.id, MARCH, Decimal(50), 2)
    assert (kept.target, kept.verdict, kept.currency) == (Decimal(95), "missed", "EUR")
    spend = control.get_one(Headline, (acme.id, "spend"))
    assert spend.verdict == ""
    assert jobs.read_tenant(acme, NOW + timedelta(days=31)) > 0  # April: nothing, which is no zero
    control.expire_all()
    assert control.get_one(Headline, (acme.id, "otif")).value is None


def test_job_reads_every_tenant_and_forgets_those_that_are_gone(
    control: Session, acme: TenantRef, globex: TenantRef
) -> None:
    gone = headline(acme, "otif", "99")
    gone.tenant_id = 999_999
    control.add(gone)
    control.commit()
    spec = get_job("insights.headlines")
    done = jobs.headlines(Run(new_run(spec, {}, actor=SYSTEM_ACTOR)))
    active = {one.id for one in list_active()}
    assert {acme.id, globex.id} <= active
    assert done == {"tenants": len(active), "failed": []}
    assert set(control.scalars(select(Headline.tenant_id).distinct())) == active


def test_first_figures_come_with_the_refresh_and_later_ones_with_the_round(
    control: Session, acme: TenantRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(new_run(get_job("insights.refresh"), {}, actor=SYSTEM_ACTOR, tenant=acme.slug))
    monkeypatch.setattr(run, "log", lambda _line: None)
    refresh(run)
    assert queries.list_headlines([acme.id], ["spend"]) == {}  # no organization: nothing to tell
    with use_tenant(acme, actor="test") as session:
        Company(session)
        session.commit()
    refresh(run)
    kept = control.get_one(Headline, (acme.id, "spend"))
    assert (kept.value, kept.as_of is not None) == (None, True)
    control.commit()
    refresh(run)
    assert control.get_one(Headline, (acme.id, "spend")).read_at == kept.read_at


def test_page_says_whose_figures_are_still_to_come(
    figures: None, login: Callable[..., FlaskClient], control: Session, globex: TenantRef
) -> None:
    read = set(control.scalars(select(Headline.tenant_id)))
    control.add_all(headline(one, "otif", None) for one in list_active() if one.id not in read)
    control.commit()
    assert "Not there yet" not in login("manager").get("/insights/").get_data(as_text=True)
    control.execute(delete(Headline).where(Headline.tenant_id == globex.id))
    control.commit()
    assert "Not there yet: Globex." in login("manager").get("/insights/").get_data(as_text=True)


def test_tenant_that_cannot_be_read_keeps_what_it_had(
    control: Session, acme: TenantRef, globex: TenantRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    control.add(headline(acme, "otif", "80"))
    control.commit()
    genuine = use_tenant

    def broken(tenant: TenantRef, **options: str) -> object:
        session = genuine(tenant, **options)  # type: ignore[arg-type]
        if tenant == acme:
            session = genuine(TenantRef(**{**vars(tenant), "schema": "nowhere"}), **options)  # type: ignore[arg-type]
        return session

    monkeypatch.setattr(jobs, "use_tenant", broken)
    run = Run(new_run(get_job("insights.headlines"), {}, actor=SYSTEM_ACTOR))
    monkeypatch.setattr(run, "log", lambda _line: None)
    assert jobs.headlines(run)["failed"] == ["acme"]
    control.expire_all()
    assert control.get_one(Headline, (acme.id, "otif")).value == 80


@pytest.fixture
def figures(control: Session, acme: TenantRef, globex: TenantRef) -> None:
    control.add_all(
        [
            headline(acme, "otif", "81.25", target=Decimal(95), verdict="missed", previous=Decimal(90)),
            headline(acme, "spend", "1200", currency="EUR"),
            headline(globex, "otif", None),
            headline(globex, "spend", "900", currency="JPY"),
        ]
    )
    control.commit()


@pytest.mark.usefixtures("figures")
def test_manager_of_all_sees_tenants_side_by_side(login: Callable[..., FlaskClient]) -> None:
    page = login("manager").get("/insights/?area=suppliers&kpi=otif").get_data(as_text=True)
    assert ">Acme</a>" in page
    assert ">Globex</a>" in page
    assert "target 95.0" in page
    assert "no data" in page
    assert "By mail" in page  # the menu of the remembered tenant


@pytest.mark.usefixtures("figures")
@pytest.mark.parametrize(
    ("role", "tenant", "seen"),
    [("manager", "acme", {"Acme"}), ("staff", None, set()), ("dba", None, set()), (None, None, set())],
    ids=["one tenant", "staff", "dba", "nobody"],
)
def test_person_sees_only_tenants_whose_insights_they_may_open(
    login: Callable[..., FlaskClient], role: str | None, tenant: str | None, seen: set[str]
) -> None:
    answer = login(role, tenant=tenant).get("/insights/")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert {name for name in ("Acme", "Globex") if f'insights/">{name}</a>' in page} == seen
    assert ("81.2" in page) == bool(seen)


def test_amounts_of_other_currencies_are_not_drawn_beside_each_other(
    figures: None, acme: TenantRef, globex: TenantRef
) -> None:
    view = rows.build([acme, globex], "suppliers", "spend")
    assert view.chart is not None
    assert (view.chart.categories, view.chart.unit) == (["Acme"], "EUR")
    assert view.chart.subtitle == "1 with another currency are in the table only"
    place = [kpi.code for kpi in view.kpis].index("spend")
    assert "JPY" in view.rows[1].cells[place].text


def test_figures_nobody_read_for_long_are_stale_and_those_never_read_no_data(
    control: Session, acme: TenantRef, globex: TenantRef
) -> None:
    control.add(headline(acme, "otif", "80", read_at=NOW))
    control.commit()
    view = rows.build([acme, globex], "suppliers", "", NOW + timedelta(hours=1))
    assert [row.is_stale for row in view.rows] == [True, False]
    assert (view.rows[1].month, view.rows[1].as_of) == ("", None)
    assert {cell.text for cell in view.rows[1].cells} == {"no data"}
