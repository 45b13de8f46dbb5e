"""What lists, exports and actions on many rows do."""

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from dashboard.erp.models import Supplier
from tests.conftest import PASSWORD
from tests.records.test_every_screen import shown

Make = Callable[..., Any]
SUPPLIERS = "/t/acme/records/supplier/"


@pytest.fixture
def three(make: Make) -> list[Any]:
    """Three suppliers of one organization."""
    organization = make("organization")
    values: list[dict[str, Any]] = [
        {"name": "Anvil & Sons", "country": "DE", "reliability": 90, "status": "active"},
        {"name": "Bolt <b>Works</b>", "country": "FR", "reliability": None, "status": "blocked"},
        {"name": "Chain 100%", "country": None, "reliability": 50, "status": "active"},
    ]
    return [make("supplier", organization=organization, **value) for value in values]


def ids(staff: FlaskClient, **query: Any) -> list[int]:
    return shown(staff.get(SUPPLIERS, query_string=query).text)


def test_text_of_records_is_escaped(three: list[Any], staff: FlaskClient) -> None:
    page = staff.get(SUPPLIERS).text
    assert "Bolt &lt;b&gt;Works&lt;/b&gt;" in page
    assert "<b>Works" not in page


def test_a_search_for_two_letters_that_finds_nothing_says_where_it_looked(
    three: list[Any], staff: FlaskClient
) -> None:
    assert "at the beginning only" in staff.get(SUPPLIERS, query_string={"q": "qz"}).text
    assert "at the beginning only" not in staff.get(SUPPLIERS, query_string={"q": "qzx"}).text


def test_filters_hold_together(three: list[Any], staff: FlaskClient) -> None:
    anvil, bolt, chain = (row.id for row in three)
    org = three[0].org_id
    assert set(ids(staff, org_id=org)) == {anvil, bolt, chain}
    assert ids(staff, org_id=org, status="blocked") == [bolt]
    assert set(ids(staff, org_id=org, status__in=["blocked", "active"])) == {anvil, bolt, chain}
    assert ids(staff, org_id=org, status="active", country="DE") == [anvil]
    assert ids(staff, org_id=org, country__empty="1") == [chain]
    assert ids(staff, org_id=org, reliability__filled="1") == [anvil, chain]
    assert ids(staff, org_id=org, reliability__from="60", reliability__to="95") == [anvil]
    assert ids(staff, org_id=org, name__contains="100%") == [chain]
    assert ids(staff, org_id=org, name__starts="bolt") == [bolt]
    assert ids(staff, org_id=org, name="Chain 100%") == [chain]
    today = datetime.now(UTC).date().isoformat()
    assert len(ids(staff, org_id=org, created_at=today, created_at__to=today)) == 3
    assert ids(staff, org_id=org, created_at__to="2001-01-01") == []


def test_search_takes_wildcards_as_letters_and_short_texts_as_beginnings(
    three: list[Any], staff: FlaskClient
) -> None:
    chain = three[2].id
    assert ids(staff, q="100%") == [chain]
    assert chain in ids(staff, q="Ch")
    assert ids(staff, q="%_%") == []


def test_rows_without_a_sort_value_come_last_in_both_directions(
    three: list[Any], staff: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    anvil, bolt, chain = (row.id for row in three)
    org = three[0].org_id
    assert ids(staff, org_id=org) == [anvil, chain, bolt]
    assert ids(staff, org_id=org, sort="reliability") == [chain, anvil, bolt]
    assert ids(staff, org_id=org, sort="country") == [anvil, bolt, chain]
    assert ids(staff, org_id=org, sort="-country") == [bolt, anvil, chain]
    monkeypatch.setattr("dashboard.records.state.PAGE_SIZES", (1, 50))
    for sort, order in {"-country": [bolt, anvil, chain], "reliability": [chain, anvil, bolt]}.items():
        walked = walk(staff, f"{SUPPLIERS}?org_id={org}&size=1&sort={sort}", "Next page")
        assert walked == order
        back = walk(staff, f"{SUPPLIERS}?org_id={org}&size=1&sort={sort}&page=last", "Previous page")
        assert back == order[::-1]
        numbered = [ids(staff, org_id=org, size=1, sort=sort, page=page)[0] for page in (3, 2, 1)]
        assert numbered == order[::-1]


def walk(staff: FlaskClient, address: str, label: str) -> list[int]:
    found: list[int] = []
    while address:
        page = staff.get(address).text
        found += shown(page)
        link = re.search(rf'<a[^>]*href="([^"]*)"[^>]*aria-label="{label}"', page)
        address = SUPPLIERS + link.group(1).replace("&amp;", "&") if link else ""
    return found


def test_a_reference_sorts_and_filters_by_its_name(make: Make, staff: FlaskClient) -> None:
    organization = make("organization")
    names = ("Zinc", "Alloy")
    categories = [make("product_category", organization=organization, name=name) for name in names]
    made = [make("supplier", organization=organization, category=category).id for category in categories]
    assert ids(staff, org_id=organization.id, sort="category_id") == made[::-1]
    assert ids(staff, category_id=categories[0].id) == made[:1]
    page = staff.get(SUPPLIERS, query_string={"category_id": categories[0].id}).text
    assert "Category is Zinc" in page


def test_a_filter_that_cannot_be_read_is_explained(three: list[Any], staff: FlaskClient) -> None:
    answer = staff.get(f"{SUPPLIERS}?lead_time_days__from=soon&status=nothing")
    assert answer.status_code == 422
    assert "is not a whole number" in answer.text
    assert "is not one of the choices" in answer.text
    assert staff.get(f"{SUPPLIERS}export.csv?status=nothing").status_code == 422


def looks(staff: FlaskClient, **data: Any) -> str:
    answer = staff.post(f"{SUPPLIERS}looks", data={"query": "?", **data})
    assert answer.status_code == 302
    return staff.get(answer.location).text


def head(page: str) -> str:
    return page.partition("<thead>")[2].partition("</thead>")[0]


def test_columns_and_density_are_remembered_for_the_person_and_not_for_the_browser(
    three: list[Any], staff: FlaskClient, login: Callable[..., FlaskClient]
) -> None:
    looks(staff, column=["name", "phone"])
    looks(staff, density="compact")
    elsewhere = staff.application.test_client()
    elsewhere.post("/login", data={"email": staff.email, "password": PASSWORD})  # type: ignore[attr-defined]
    for browser in (staff, elsewhere):
        page = browser.get(SUPPLIERS).text
        assert ">Phone<" in head(page)
        assert ">Country<" not in head(page)
        assert "table-dense" in page
    assert ">Country<" in head(login("staff", tenant="acme").get(SUPPLIERS).text)
    looks(staff, columns="usual")
    page = looks(staff, density="comfortable")
    assert ">Country<" in head(page)
    assert "table-dense" not in page


def test_columns_in_the_address_stay_from_page_to_page_and_are_not_remembered(
    three: list[Any], staff: FlaskClient
) -> None:
    page = staff.get(f"{SUPPLIERS}?cols=phone,name").text
    assert re.findall(r'data-column="(\w+)"', page) == ["phone", "name"]
    assert "cols=phone%2Cname" in page
    assert ">Country<" in head(staff.get(SUPPLIERS).text)


def test_large_tables_are_estimated_and_long_matches_capped(
    three: list[Any], staff: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.records.state.PAGE_SIZES", (1, 50))
    monkeypatch.setattr("dashboard.records.counting.CAP", 2)
    page = staff.get(f"{SUPPLIERS}?org_id={three[0].org_id}&size=1").text
    assert "of more than 2" in page
    last = staff.get(f"{SUPPLIERS}?org_id={three[0].org_id}&size=1&page=last").text
    assert "The last 1 of more than 2" in last
    monkeypatch.setattr("dashboard.records.counting._estimate", lambda *_: 1_000_000)
    assert "of about 1,000,000" in staff.get(f"{SUPPLIERS}?size=1").text


def test_the_export_guards_cells_that_a_spreadsheet_would_run(make: Make, staff: FlaskClient) -> None:
    made = make(
        "supplier", name="=1+1", phone="+49 30", region="-x", website="@a", tax_id="\tq", email="a@b.example"
    )
    columns = "name,phone,region,website,tax_id,email,reliability,category_id,capabilities,created_at"
    text = staff.get(f"{SUPPLIERS}export.csv?id={made.id}&cols={columns}").text
    head, row = list(csv.reader(io.StringIO(text)))
    assert row[:6] == ["'=1+1", "'+49 30", "'-x", "'@a", "'\tq", "a@b.example"]
    assert head[:2] == ["Name", "Phone"]


def test_the_export_says_statuses_as_the_list_does_and_nothing_that_is_not_seen(
    make: Make, staff: FlaskClient
) -> None:
    made = make("supplier", status="prospect")
    text = staff.get(f"{SUPPLIERS}export.csv?id={made.id}&cols=name,status").text
    assert list(csv.reader(io.StringIO(text))) == [["Name", "Status"], [made.name, "Prospect"]]


def test_an_export_that_is_not_read_to_its_end_leaves_nothing_behind(
    three: list[Any], staff: FlaskClient
) -> None:
    answer = staff.get(f"{SUPPLIERS}export.csv", buffered=False)
    answer.close()
    assert staff.get(SUPPLIERS).status_code == 200


def bulk(staff: FlaskClient, action: str, **data: Any) -> Any:
    return staff.post(f"{SUPPLIERS}bulk", data={"action": action, **data})


def test_many_rows_are_deleted_and_restored_after_their_number_was_shown(
    three: list[Any], staff: FlaskClient, stored: Make
) -> None:
    chosen = [str(row.id) for row in three[:2]]
    asked = bulk(staff, "delete", ids=chosen)
    assert "2 rows" in asked.text
    assert stored(Supplier, three[0].id).deleted_at is None
    assert "2 rows" in bulk(staff, "delete", ids=chosen, confirmed="3").text
    assert bulk(staff, "delete", ids=chosen, confirmed="2").status_code == 302
    after = stored(Supplier, three[0].id)
    assert after.deleted_at is not None
    assert after.updated_by == staff.email  # type: ignore[attr-defined]
    assert after.version == three[0].version + 1
    assert ids(staff, org_id=three[0].org_id) == [three[2].id]
    query = f"?org_id={three[0].org_id}&deleted=1"
    assert bulk(staff, "restore", all="1", query=query, confirmed="2").status_code == 302
    assert len(ids(staff, org_id=three[0].org_id)) == 3


def test_a_field_is_set_on_all_matching_rows(three: list[Any], staff: FlaskClient, stored: Make) -> None:
    matching = {"all": "1", "query": f"?org_id={three[0].org_id}"}
    assert "Field to change" in bulk(staff, "set", **matching).text
    assert "Region" in bulk(staff, "set", field="region", **matching).text
    bad = bulk(staff, "set", field="lead_time_days", confirmed="3", lead_time_days="x", **matching)
    assert bad.status_code == 422
    assert bulk(staff, "set", field="region", confirmed="3", region="North", **matching).status_code == 302
    assert {stored(Supplier, row.id).region for row in three} == {"North"}
    refused = bulk(staff, "set", field="lead_time_days", confirmed="3", lead_time_days="-4", **matching)
    assert refused.status_code == 422
    assert "must not be negative" in refused.text
    assert 'value="-4"' in refused.text
    assert bulk(staff, "set", field="name", confirmed="3", name="Same", **matching).status_code == 422


def test_chosen_rows_are_exported(three: list[Any], staff: FlaskClient) -> None:
    answer = bulk(staff, "export", ids=[str(three[1].id)])
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert [row[0] for row in rows[1:]] == [three[1].name]


def test_an_action_without_rows_or_beyond_the_limit_is_refused(
    three: list[Any], staff: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bulk(staff, "delete").status_code == 422
    assert bulk(staff, "nothing", ids="1").status_code == 422
    assert bulk(staff, "delete", all="1", query="?status=nothing").status_code == 422
    monkeypatch.setattr("dashboard.records.bulk.MAX_CHOSEN", 1)
    assert bulk(staff, "delete", ids=["1", "2"]).status_code == 422
    too_many = "&".join(f"id__in={number}" for number in range(700))
    assert bulk(staff, "delete", all="1", query=too_many).status_code == 422


def test_the_desk_leads_to_the_first_list(staff: FlaskClient) -> None:
    answer = staff.get("/t/acme/records/")
    assert answer.status_code == 302
    assert answer.location.endswith("/records/supplier/")


def test_the_filter_panel_holds_what_is_active(three: list[Any], staff: FlaskClient) -> None:
    org = three[0].org_id
    query = {
        "org_id__in": org,
        "status__in": "blocked",
        "name__contains": "bolt",
        "reliability__from": "3",
        "q": "x",
    }
    page = staff.get(f"{SUPPLIERS}filters", query_string=query, headers={"HX-Request": "true"}).text
    assert "<html" not in page
    assert 'value="bolt"' in page
    assert re.search(r'value="blocked"\s+checked', page)
    assert f'<option value="{org}" selected>' in page


def test_a_line_without_words_is_called_after_its_product_and_found_by_it(
    make: Make, staff: FlaskClient
) -> None:
    organization = make("organization")
    product = make("product", organization=organization, name="Hexagon bolt")
    rfq = make("rfq", organization=organization)
    line = make("rfq_line", rfq=rfq, description=None, product=product)
    found = staff.get("/t/acme/records/rfq_line/lookup?q=hexagon").get_json()["results"]
    assert [(option["id"], option["text"]) for option in found] == [(str(line.id), "Hexagon bolt")]
