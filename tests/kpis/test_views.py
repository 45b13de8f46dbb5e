"""Pages of insights in the browser: what they say without data, with data, and what their filters lead to."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.kpis import refreshing
from dashboard.kpis.asking import Terms
from dashboard.kpis.definitions import supplier_families
from dashboard.kpis.pages.service import PAGES
from tests.kpis.conftest import Company

ROOT = "/t/acme/insights"
AS_OF = datetime(2026, 4, 15, tzinfo=UTC)
SPAN = "from=2026-01&to=2026-03"
ADDRESSES = {name: ROOT + ("/" if name == "overview" else f"/{name}") for name in PAGES}


@pytest.fixture
def manager(login: Callable[..., FlaskClient], tenant: Session) -> FlaskClient:
    """A manager of acme."""
    db.session.commit()
    return login("manager", tenant="acme")


@pytest.fixture
def received(tenant: Session, company: Company) -> Company:
    """Two lines received in March, one of them late."""
    for day, came in (("31", "2026-03-31T12:00+02:00"), ("10", "2026-03-20T12:00+01:00")):
        receipt = company.receive(came, 10, "2.50")
        receipt.order.status = "received"
        receipt.lines[0].order_line.promised_on = date(2026, 3, int(day))
    tenant.flush()
    for family in (supplier_families.DELIVERIES, supplier_families.RECEIPTS):
        refreshing.rebuild(tenant, family, Terms(AS_OF, "EUR", ()))
    tenant.commit()
    return company


def html_of(client: FlaskClient, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, address
    return answer.get_data(as_text=True)


def tile(html: str, title: str) -> str:
    """The text of one tile, without its marks."""
    part = next(each for each in html.split('<article class="kpi-tile')[1:] if f">{title}<" in each)
    return " ".join(re.sub(r"<[^>]+>", " ", part.partition("</article>")[0].partition(">")[2]).split())


@pytest.mark.parametrize("name", sorted(PAGES))
def test_page_of_an_empty_tenant_says_so_and_shows_no_zero(manager: FlaskClient, name: str) -> None:
    html = html_of(manager, ADDRESSES[name])
    assert "There is no organization yet." in html
    assert "The figures are being computed." not in html
    assert html.count('class="kpi-value is-none"') == html.count('class="kpi-value') > 0
    assert "Not read yet" in html


def test_who_may_create_the_first_organization_is_led_there_and_figures_are_promised_only_after_it(
    manager: FlaskClient, login: Callable[..., FlaskClient], tenant: Session
) -> None:
    create = 'href="/t/acme/records/organization/new"'
    assert create not in html_of(manager, ADDRESSES["market"]).partition("<main")[2]
    admin = login("admin")
    assert create in html_of(admin, ADDRESSES["market"]).partition("<main")[2]
    assert "There is no organization yet, " in html_of(manager, f"{ROOT}/proof/otif")
    Company(tenant)
    tenant.commit()
    html = html_of(admin, ADDRESSES["market"])
    assert "The figures are being computed." in html
    assert create not in html.partition("<main")[2]
    assert "have not been computed yet" in html_of(manager, f"{ROOT}/proof/otif")


def test_tile_shows_the_figure_with_its_records_and_the_months_lead_to_narrower_pages(
    manager: FlaskClient, received: Company
) -> None:
    html = html_of(manager, f"{ADDRESSES['suppliers']}?{SPAN}&kpi=otif")
    assert "50.0 % " in tile(html, "On time in full").replace("\N{NO-BREAK SPACE}", " ")
    assert "2 records" in tile(html, "On time in full")
    assert "no data" in tile(html, "Response rate")
    trend = html.partition('id="trend"')[2].partition("</figure>")[0]
    cells = re.findall(
        r'<th scope="row">([^<]+)</th>\s*<td class="num">(?:<a href="([^"]+)"[^>]*>)?([^<]+)', trend
    )
    assert [(month, text) for month, _, text in cells] == [
        ("Jan 2026", "no data"),
        ("Feb 2026", "no data"),
        ("Mar 2026", "50"),
    ]
    assert "from=2026-03&amp;to=2026-03" in cells[2][1] or "from=2026-03&to=2026-03" in cells[2][1]


def test_course_of_a_figure_made_of_others_comes_after_the_page(
    manager: FlaskClient, received: Company
) -> None:
    html = html_of(manager, f"{ADDRESSES['overview']}?{SPAN}&tiles=reliability,spend")
    (asked,) = re.findall(r'hx-get="([^"]+)"', html)  # the sums of the other came with the page
    address = unescape(asked)
    assert "/course/reliability?" in address
    assert "from=2026-01" in address
    assert html_of(manager, address.replace("to=2026-03", "to=2026-04")).count("<svg") == 1
    html_of(manager, address.replace("reliability", "nothing"), 404)


def test_supplier_in_the_scorecard_leads_to_the_page_of_that_supplier(
    manager: FlaskClient, received: Company
) -> None:
    html = html_of(manager, f"{ADDRESSES['suppliers']}?{SPAN}&kpi=otif")
    table = html.partition('id="scorecard"')[2].partition("</table>")[0]
    links = re.findall(r'<th scope="row">\s*<a href="([^"]+)"', table)
    assert len(links) == 2
    alone = html_of(manager, links[0].replace("&amp;", "&"))
    assert "Supplier: Supplier of" in alone
    assert "1 record" in tile(alone, "On time in full")


def test_spend_of_the_wall_leads_to_its_page(manager: FlaskClient, received: Company) -> None:
    html = html_of(manager, f"{ADDRESSES['overview']}?{SPAN}")
    assert "50 EUR" in tile(html, "Spend").replace("\N{NO-BREAK SPACE}", " ")
    assert f"{ADDRESSES['suppliers']}?" in html


def test_wall_shows_the_figures_somebody_chose(manager: FlaskClient) -> None:
    html = html_of(manager, f"{ADDRESSES['overview']}?tiles=otif&tiles=ppv&tiles=nothing")
    titles = re.findall(r'<h3 class="kpi-title">.*?>([^<]+)</a>', html, re.DOTALL)
    assert [title.strip() for title in titles] == ["On time in full", "Purchase price variance"]


def test_figures_not_kept_by_supplier_are_left_out_and_it_is_said(
    manager: FlaskClient, received: Company
) -> None:
    supplier = received.supplier("Kappa")
    db.session.commit()
    html = html_of(manager, f"{ADDRESSES['sales']}?supplier={supplier.id}")
    assert "is not kept by the supplier you chose" in html


def test_impossible_period_is_named_and_what_was_typed_is_kept(manager: FlaskClient) -> None:
    html = html_of(manager, f"{ROOT}/?from=2026-03&to=2026-02", status=422)
    assert "The period ends before it begins." in html
    assert 'value="2026-03"' in html


@pytest.mark.parametrize(
    "query", ["org=999999999", "org=x", "category=7x", "supplier=-1", "supplier=" + "9" * 30]
)
def test_unknown_things_in_the_filters_are_not_found(manager: FlaskClient, query: str) -> None:
    assert manager.get(f"{ROOT}/?{query}").status_code == 404


def test_staff_has_no_insights(login: Callable[..., FlaskClient], tenant: Session) -> None:
    browser = login("staff", tenant="acme")
    assert {browser.get(address).status_code for address in ADDRESSES.values()} == {403}


def test_board_is_saved_opened_shared_and_deleted(
    manager: FlaskClient, login: Callable[..., FlaskClient]
) -> None:
    form = {"page": "suppliers", "name": "  My  OTIF ", "query": "period=fq&kpi=otif&evil=1"}
    answer = manager.post(f"{ROOT}/boards/", data=form)
    assert answer.location == f"{ADDRESSES['suppliers']}?period=fq&kpi=otif"
    html = html_of(manager, f"{ROOT}/boards/")
    assert "My OTIF" in html
    change = re.findall(rf'action="({ROOT}/boards/\d+)"', html)[0]
    other = login("admin")
    assert "My OTIF" not in html_of(other, f"{ROOT}/boards/")
    assert other.post(change, data={"action": "delete"}).status_code == 404
    manager.post(change, data={"action": "share"})
    assert "My OTIF" in html_of(other, f"{ROOT}/boards/")
    assert other.post(change, data={"action": "delete"}).status_code == 403
    assert other.post(change, data={"action": "rename", "name": "Mine"}).status_code == 403
    assert other.get(f"{change}/delete").status_code == 403
    assert "Delete the board My OTIF?" in html_of(manager, f"{change}/delete")
    assert manager.post(change, data={"action": "delete"}).status_code == 302
    assert "No boards yet" in html_of(manager, f"{ROOT}/boards/")


def test_board_is_given_another_name_that_no_other_one_has(manager: FlaskClient) -> None:
    for name in ("Deliveries", "Spend"):
        manager.post(f"{ROOT}/boards/", data={"page": "suppliers", "name": name, "query": "period=fq"})
    change = re.findall(rf'action="({ROOT}/boards/\d+)"', html_of(manager, f"{ROOT}/boards/"))[0]
    for name, status in (("Spend", 409), (" ", 422), (" On  time ", 302)):
        assert manager.post(change, data={"action": "rename", "name": name}).status_code == status, name
    html = html_of(manager, f"{ROOT}/boards/")
    assert "Deliveries" not in html
    assert 'href="/t/acme/insights/suppliers?period=fq" aria-label="Open On time"' in " ".join(html.split())


def test_board_saved_over_another_of_its_name_is_said_to_replace_it(manager: FlaskClient) -> None:
    form = {"page": "suppliers", "name": "Deliveries", "query": "period=fq"}
    told = [
        manager.post(f"{ROOT}/boards/", data=form, follow_redirects=True).get_data(as_text=True)
        for _ in range(2)
    ]
    assert ["in place of the one you had" in text for text in told] == [False, True]


def test_board_without_a_name_or_a_page_is_refused(manager: FlaskClient) -> None:
    assert manager.post(f"{ROOT}/boards/", data={"page": "market", "name": " "}).status_code == 422
    assert manager.post(f"{ROOT}/boards/", data={"page": "nothing", "name": "A"}).status_code == 404
