"""Nested conditions: what they list, how they read, and what becomes of nonsense."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

from dashboard.records.spec import Spec
from dashboard.records.state import read
from tests.records.test_every_screen import shown
from tests.records.test_lists import SUPPLIERS

Make = Callable[..., Any]


@pytest.fixture
def four(make: Make) -> list[Any]:
    """Four suppliers of one organization: country, status, reliability."""
    organization = make("organization")
    rows = [("DE", "active", 90), ("DE", "blocked", 20), ("FR", "active", 40), ("IT", "prospect", None)]
    return [
        make("supplier", organization=organization, country=country, status=status, reliability=reliability)
        for country, status, reliability in rows
    ]


def found(staff: FlaskClient, rows: list[Any], query: str) -> list[int]:
    """Places (from 0) of the rows listed."""
    answer = staff.get(f"{SUPPLIERS}?org_id={rows[0].org_id}&{query}")
    assert answer.status_code == 200
    ids = shown(answer.text)
    return [place for place, row in enumerate(rows) if row.id in ids]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("g1.country=DE&g2.country=IT", [0, 1, 3]),
        ("g1.country=DE&g1.status=active&g2.reliability__empty=1", [0, 3]),
        ("g=all&g1=any&g1.country=DE&g1.country=FR&g2.status=active", [0, 2]),
        ("g1.country=DE&g1=any&g1.status=prospect&status__in=blocked&status__in=prospect", [1, 3]),
        ("g1.status=active&g1.1.country=FR&g1.1.reliability__from=80", [0, 2]),
        ("g.1=x&g1.status=active&g1.1.1.country=FR&g1.1.1.reliability__to=30&g1.1.2.country=DE", None),
        ("g1.1.1.1.country=IT", [3]),
        ("g.country=IT&g.status=blocked", [1, 3]),
        ("g1=all&g1.name__contains=a&g2.country=IT&g9=all", None),
    ],
)
def test_groups_join_their_conditions_as_they_say(
    query: str, rows: list[int] | None, four: list[Any], staff: FlaskClient
) -> None:
    if rows is None:
        assert staff.get(f"{SUPPLIERS}?{query}").status_code in {200, 422}
    else:
        assert found(staff, four, query) == rows


def test_two_texts_to_contain_in_one_group_are_two_conditions(make: Make, staff: FlaskClient) -> None:
    made = [make("supplier", name=name).id for name in ("Zorro Anvil", "Zorro Bolt", "Zorro Chain")]
    query = {"g": "any", "g.name__contains": ["rro anv", "rro cha"]}
    assert set(shown(staff.get(SUPPLIERS, query_string=query).text)) == {made[0], made[2]}


def test_the_address_of_groups_reads_back_to_the_same(specs: dict[str, Spec]) -> None:
    spec = specs["supplier"]
    given: MultiDict[str, str] = MultiDict([("g1.country", "DE"), ("g1.1.status", "active"), ("g2", "any")])
    given.add("g2.name__contains", "a")
    given.add("g2.name__contains", "b")
    state = read(spec, given)
    again = read(spec, MultiDict(state.arguments()))
    assert state.selection() == again.selection()
    assert ("g2", "any") in state.selection()


def test_chips_read_as_words_and_lead_to_the_list_without(four: list[Any], staff: FlaskClient) -> None:
    page = staff.get(f"{SUPPLIERS}?g1.country=DE&g1.status=active&g2.reliability__empty=1").text
    assert "(Country is DE and Status is Active) or Reliability is empty" in page
    link = re.search(r'href="([^"]*)" aria-label="Remove filter \(Country', page)
    assert link
    assert "g1" not in unescape(link.group(1))
    both = staff.get(f"{SUPPLIERS}?g=all&g1=any&g1.country=DE&g1.country=FR&g2.status=active").text
    assert "Remove filter Country is DE or FR" in both
    assert "Remove filter Status is Active" in both


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("g1.nothing=1", "There is no condition"),
        ("g1.status__from=1", "There is no condition"),
        ("g1.status=purple", "is not one of the choices"),
        ("g=maybe&g1.status=active", "any"),
        ("g1.1.1.1.1.status=active", "cannot be read"),
        ("g1..status=active", "cannot be read"),
        ("g0.status=active", "cannot be read"),
        ("g1.lead_time_days__from=soon", "is not a whole number"),
        ("g1.created_at=yesterday", "is not a date"),
        ("&".join(f"g{n}.name__contains=a" for n in range(1, 103)), "At most 100 conditions"),
    ],
)
def test_what_cannot_be_read_is_told_and_lists_nothing(
    query: str, message: str, four: list[Any], staff: FlaskClient
) -> None:
    for path in ("", "export.csv", "export.xlsx"):
        answer = staff.get(f"{SUPPLIERS}{path}?{query}")
        assert answer.status_code == 422
        assert message in unescape(answer.text)
    assert shown(staff.get(f"{SUPPLIERS}?{query}").text) == []
    bulk = {"action": "delete", "all": "1", "query": f"?{query}"}
    assert staff.post(f"{SUPPLIERS}bulk", data=bulk).status_code == 422
    assert staff.get(f"{SUPPLIERS}filters?{query}").status_code == 200


@pytest.mark.parametrize("query", ["g=%00", "g1=%00&g1.name=%00", "ghost=1", "g1.name__contains=", "g.=1"])
def test_empty_conditions_are_none(query: str, four: list[Any], staff: FlaskClient) -> None:
    assert staff.get(f"{SUPPLIERS}?{query}").status_code in {200, 422}


def test_the_panel_builds_the_groups_that_are_active(make: Make, staff: FlaskClient) -> None:
    category = make("product_category", name="Castings")
    query = {
        "g1.category_id": str(category.id),
        "g1.1.status": "active",
        "g1.1.name__contains": "bolt",
        "g2.reliability__empty": "1",
        "g3.created_at__from": "2026-01-02",
        "view": "all",
        "cols": "name,status",
    }
    page = staff.get(f"{SUPPLIERS}filters", query_string=query).text
    assert f'<option value="{category.id}" selected>Castings</option>' in page
    assert 'name="g1.1.name__contains"' in page
    assert 'value="bolt"' in page
    assert re.search(r'name="g1.1.status__in"', page)
    assert re.search(r'name="g2.reliability__empty"\s+value="1"\s+data-condition-flag\s+>', page)
    assert 'value="2026-01-02"' in page
    assert 'name="cols" value="name,status"' in page


def test_groups_hold_for_exports_and_many_rows(four: list[Any], staff: FlaskClient, stored: Make) -> None:
    query = f"org_id={four[0].org_id}&g1.country=FR&g2.country=IT"
    rows = staff.get(f"{SUPPLIERS}export.csv?{query}").text.splitlines()
    assert len(rows) == 3
    data = {"action": "set", "field": "region", "region": "South", "confirmed": "2"}
    answer = staff.post(f"{SUPPLIERS}bulk", data={**data, "all": "1", "query": f"?{query}"})
    assert answer.status_code == 302
    model = type(four[0])
    assert [stored(model, row.id).region == "South" for row in four] == [False, False, True, True]
