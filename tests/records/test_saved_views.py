"""Saved views: own, shared, the one that opens by itself, and who may change them."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.records.test_every_screen import shown
from tests.records.test_lists import SUPPLIERS

Make = Callable[..., Any]
Login = Callable[..., FlaskClient]


def save(browser: FlaskClient, name: str, query: str, **more: str) -> str:
    """Save a view; returns its address."""
    data = {"name": name, "query": query, **more}
    answer = browser.post(f"{SUPPLIERS}views", data=data)
    assert answer.status_code == 302, answer.text[:2000]
    return answer.location


def view_id(location: str) -> str:
    match = re.search(r"view=(\d+)", location)
    assert match
    return match.group(1)


def change(browser: FlaskClient, view: str, action: str, **more: str) -> int:
    return browser.post(f"{SUPPLIERS}views/{view}", data={"action": action, **more}).status_code


def tabs(page: str) -> list[str]:
    row = page.partition('<nav class="tab-row"')[2].partition("</nav>")[0]
    return [unescape(name).strip() for name in re.findall(r"<a[^>]*>(.*?)</a>", row, re.DOTALL)]


@pytest.fixture
def two(make: Make) -> list[Any]:
    """An active and a blocked supplier."""
    organization = make("organization")
    return [
        make("supplier", organization=organization, status=status, name=name)
        for status, name in (("active", "Anvil"), ("blocked", "Bolt"))
    ]


def test_a_view_keeps_search_filters_order_size_and_columns(two: list[Any], staff: FlaskClient) -> None:
    org = two[0].org_id
    query = f"?org_id={org}&g1.status=blocked&g2.country=XX&q=olt&sort=-name&size=100"
    location = save(staff, "Blocked bolts", query, cols="status,name")
    page = staff.get(location).text
    assert shown(page) == [two[1].id]
    assert re.findall(r'data-column="(\w+)"', page) == ["status", "name"]
    assert "sort=-name" in location
    assert "size=100" in location
    assert tabs(page) == ["All", "Blocked bolts"]
    assert re.search(r'tab is-active"[^>]*>Blocked bolts', page)


def test_the_default_view_opens_by_itself_and_the_whole_list_stays_in_reach(
    two: list[Any], staff: FlaskClient
) -> None:
    org = two[0].org_id
    view = view_id(save(staff, "Mine", f"?org_id={org}&status=blocked", default="1"))
    answer = staff.get(SUPPLIERS)
    assert answer.status_code == 302
    assert shown(staff.get(answer.location).text) == [two[1].id]
    page = staff.get(f"{SUPPLIERS}?view=all").text
    assert {row.id for row in two} <= set(shown(page))
    assert "view=all" in page
    other = view_id(save(staff, "Other", f"?org_id={org}", default="1"))
    assert f"view={other}" in staff.get(SUPPLIERS).location
    assert change(staff, other, "plain") == 302
    assert staff.get(SUPPLIERS).status_code == 200
    assert change(staff, view, "default") == 302
    assert f"view={view}" in staff.get(SUPPLIERS).location


def test_a_shared_view_is_offered_to_others_who_may_not_change_it(
    two: list[Any], staff: FlaskClient, login: Login
) -> None:
    mine = view_id(save(staff, "For all", "?status=blocked", shared="1"))
    hidden = view_id(save(staff, "Private", "?status=active"))
    colleague = login("manager", tenant="acme")
    page = colleague.get(f"{SUPPLIERS}?view={mine}").text
    assert tabs(page) == ["All", "For all (shared)"]
    assert "Private" not in colleague.get(f"{SUPPLIERS}views").text
    for action in ("rename", "update", "delete", "default", "unshare"):
        assert change(colleague, mine, action, name="x") == 403
        assert change(colleague, hidden, action, name="x") == 403
    assert change(staff, mine, "unshare") == 302
    assert tabs(colleague.get(SUPPLIERS).text) == []
    assert change(staff, mine, "share") == 302
    assert tabs(colleague.get(SUPPLIERS).text) == ["All", "For all (shared)"]


def test_a_view_is_renamed_updated_and_deleted_by_its_owner(two: list[Any], staff: FlaskClient) -> None:
    location = save(staff, "First", f"?org_id={two[0].org_id}&status=blocked")
    view = view_id(location)
    assert "Update “First”" not in staff.get(location).text
    narrowed = f"{SUPPLIERS}?org_id={two[0].org_id}&status=active&view={view}"
    assert "Update “First”" in staff.get(narrowed).text
    assert change(staff, view, "rename", name="  Second  name ") == 302
    assert change(staff, view, "update", query=narrowed.partition("?")[2]) == 302
    page = staff.get(f"{SUPPLIERS}views").text
    assert "Second name" in page
    address = re.search(rf'href="([^"]*view={view})"', page)
    assert address
    assert shown(staff.get(unescape(address.group(1))).text) == [two[0].id]
    assert change(staff, view, "delete") == 302
    assert "No views yet" in staff.get(f"{SUPPLIERS}views").text
    assert change(staff, view, "delete") == 404


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "\x00", "(columns and rows)"])
def test_a_name_that_cannot_be_kept_is_refused(name: str, staff: FlaskClient) -> None:
    assert staff.post(f"{SUPPLIERS}views", data={"name": name, "query": "?"}).status_code == 422


def test_what_cannot_be_kept_is_refused(staff: FlaskClient, make: Make) -> None:
    save(staff, "Twice", "?status=active")
    for data, status in (
        ({"name": "Twice", "query": "?"}, 409),
        ({"name": "Bad", "query": "?status=purple"}, 422),
        ({"name": "Bad", "query": "?g1.none=1"}, 422),
        ({"name": "Long", "query": "?q=x&" + "&".join(f"name__in={n}{'y' * 90}" for n in range(200))}, 422),
        ({"name": "Many", "query": "&".join(f"x{n}=1" for n in range(700))}, 422),
    ):
        assert staff.post(f"{SUPPLIERS}views", data=data).status_code == status
    view = view_id(save(staff, "Thrice", "?"))
    assert change(staff, view, "rename", name="Twice") == 409
    assert change(staff, view, "explode") == 422
    elsewhere = "/t/acme/records/rfq/views/" + view
    assert staff.post(elsewhere, data={"action": "delete"}).status_code == 404


def test_views_of_another_tenant_do_not_exist(staff: FlaskClient, login: Login) -> None:
    view = view_id(save(staff, "Ours", "?", shared="1"))
    stranger = login("staff", tenant="globex")
    there = SUPPLIERS.replace("acme", "globex")
    assert "Ours" not in stranger.get(there).text
    assert stranger.post(f"{there}views/{view}", data={"action": "delete"}).status_code == 404
