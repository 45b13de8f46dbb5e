import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import date
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from dashboard.core.caching import caches
from dashboard.core.db import db
from dashboard.kpis import charts, queries
from dashboard.kpis.figures import Figures
from dashboard.kpis.periods import Period
from tests.kpis.conftest import Company

PAGE = "/t/acme/insights/"
SPAN = "from=2026-01-01&to=2026-06-30"


@pytest.fixture(autouse=True)
def fresh_cache(app: object) -> Iterator[None]:
    caches.reports.backend.clear()
    yield
    caches.reports.backend.clear()


@pytest.fixture
def manager(login: Callable[..., FlaskClient], company: Company) -> FlaskClient:
    """A manager of acme, where the company has its records."""
    db.session.commit()
    return login("manager", tenant="acme")


def numbers(client: FlaskClient, name: str, query: str = SPAN) -> list[list[str]]:
    answer = client.get(f"{PAGE}{name}.csv?{query}")
    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    return list(csv.reader(io.StringIO(answer.get_data(as_text=True))))


def links(client: FlaskClient, title: str, query: str = SPAN) -> list[str]:
    """Where the marks of a chart lead: the same addresses as in its table."""
    html = client.get(f"{PAGE}?{query}").get_data(as_text=True)
    figure = html.partition(f">{title}</h2>")[2].partition("</figure>")[0]
    drawn = json.loads(
        figure.partition('<script type="application/json"')[2].partition(">")[2].partition("<")[0]
    )
    marks = [mark["link"] for one in drawn["option"]["series"] for mark in one["data"] if "link" in mark]
    assert marks == [unescape(href) for href in re.findall(r'<a href="([^"]+)"', figure)]
    return marks


def listed(client: FlaskClient, address: str) -> int:
    """How many rows the list behind an address has."""
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.get_data(as_text=True).count("<tr data-row")


def test_page_of_an_empty_tenant_says_no_data_for_every_chart(
    login: Callable[..., FlaskClient], tenant: Session
) -> None:
    html = login("manager", tenant="acme").get(PAGE).get_data(as_text=True)
    assert html.count("No data") == 4
    assert "Nothing was received in this period." in html


def test_spend_leads_to_the_receipts_of_that_month(manager: FlaskClient, company: Company) -> None:
    company.receive("2026-03-31T23:30+02:00", 10, "2")
    company.receive("2026-03-01T00:00+01:00", 1, "5")
    company.receive("2026-04-01T00:00+02:00", 1, "7")
    db.session.commit()
    assert numbers(manager, "spend")[3:5] == [["Mar 2026", "25.0"], ["Apr 2026", "7.0"]]
    assert [listed(manager, link) for link in links(manager, "Spend by month")] == [2, 1]


def test_cycle_time_leads_to_the_awarded_rfqs_behind_the_median(
    manager: FlaskClient, company: Company
) -> None:
    company.award("2026-02-01T08:00+01:00", "2026-02-04T08:00+01:00")
    company.award("2026-02-01T08:00+01:00", "2026-02-06T08:00+01:00")
    company.award(None, "2026-02-06T08:00+01:00")
    db.session.commit()
    assert numbers(manager, "cycle-time")[2] == ["Feb 2026", "4.0"]
    assert [listed(manager, link) for link in links(manager, "RFQ cycle time")] == [2]


def test_number_of_quotes_is_the_number_of_rows_behind_it(manager: FlaskClient, company: Company) -> None:
    supplier = company.supplier("=Cmd Castings")
    for submitted in ("2026-01-01T00:00+01:00", "2026-06-30T23:59+02:00", "2026-07-01T00:00+02:00", None):
        company.quote(supplier, submitted)
    db.session.commit()
    assert numbers(manager, "quotes")[1] == ["'=Cmd Castings", "2.0"]  # a spreadsheet must not run it
    assert [listed(manager, link) for link in links(manager, "Quotes by supplier")] == [2]


def test_stock_value_leads_to_the_balances_of_the_warehouse(manager: FlaskClient, company: Company) -> None:
    hall = company.warehouse("H1")
    company.stock(hall, (10, "2"))
    company.stock(hall, (1, "5"), sku="B-1")
    company.stock(company.warehouse("H2"), (1, "1"), sku="C-1")
    db.session.commit()
    assert numbers(manager, "stock")[1:] == [["H1 · Hall H1", "25.0"], ["H2 · Hall H2", "1.0"]]
    assert [listed(manager, link) for link in links(manager, "Stock value by warehouse")] == [2, 1]


def test_each_organization_is_a_series_and_can_be_chosen_alone(
    manager: FlaskClient, company: Company
) -> None:
    tokyo = company.organization("Tokyo works", time_zone="Asia/Tokyo")
    company.receive("2026-03-31T20:00+00:00", 1, "1")
    company.receive("2026-03-31T20:00+00:00", 1, "2", org=tokyo)
    db.session.commit()
    assert numbers(manager, "spend")[0] == ["Month", "Berlin works (EUR)", "Tokyo works (EUR)"]
    assert [listed(manager, link) for link in links(manager, "Spend by month")] == [1, 1]
    alone = numbers(manager, "spend", f"{SPAN}&org={tokyo.id}")
    assert alone[0] == ["Month", "Tokyo works (EUR)"]
    assert alone[4] == ["Apr 2026", "2.0"]
    assert "Tokyo works ·" in manager.get(f"{PAGE}?{SPAN}&org={tokyo.id}").get_data(as_text=True)


def test_line_without_a_rate_is_named_below_the_title(manager: FlaskClient, company: Company) -> None:
    company.receive("2026-03-15T10:00+01:00", 1, "320", currency="JPY")
    company.receive("2026-03-16T10:00+01:00", 1, "5")
    db.session.commit()
    html = manager.get(f"{PAGE}?{SPAN}").get_data(as_text=True)
    assert "1 receipt line without an exchange rate left out" in html


def test_figures_are_cached_for_the_tenant_and_say_when_they_were_read(
    manager: FlaskClient, company: Company
) -> None:
    assert "Nothing was received" in manager.get(f"{PAGE}?{SPAN}").get_data(as_text=True)
    company.receive("2026-03-15T10:00+01:00", 1, "5")
    db.session.commit()
    html = manager.get(f"{PAGE}?{SPAN}").get_data(as_text=True)
    assert "Nothing was received" in html
    assert "As of" in html


def test_impossible_period_is_named_and_what_was_typed_is_kept(manager: FlaskClient) -> None:
    answer = manager.get(f"{PAGE}?from=2026-03-01&to=2026-02-01")
    html = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "The period ends before it begins." in html
    assert 'value="2026-03-01"' in html
    assert manager.get(f"{PAGE}spend.csv?from=x").status_code == 422


def test_unknown_chart_and_organization_are_not_found(manager: FlaskClient) -> None:
    assert manager.get(f"{PAGE}nothing.csv").status_code == 404
    assert manager.get(f"{PAGE}?org=999999999").status_code == 404
    assert manager.get(f"{PAGE}?org=x").status_code == 404


def test_staff_has_no_insights(login: Callable[..., FlaskClient], tenant: Session) -> None:
    assert login("staff", tenant="acme").get(PAGE).status_code == 403


def test_person_who_may_not_open_the_records_gets_no_links(app: Flask, company: Company) -> None:
    org = queries.list_orgs()[0]
    company.receive("2026-03-15T10:00+01:00", 1, "5")
    period = Period(date(2026, 3, 1), date(2026, 3, 31))
    figures: Figures = queries.read_figures([org], period)
    with app.test_request_context(PAGE):  # nobody is logged in here
        spend = charts.build(figures, period)[0].chart
    assert spend.series[0].values == [5.0]
    assert spend.series[0].links == [""]
