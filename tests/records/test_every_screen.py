"""The same questions to every screen: what holds for one entity holds for all."""

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy import event

from dashboard.core.db import db
from dashboard.erp.screens import SCREENS
from dashboard.records.columns import Kind
from dashboard.records.inline import editable
from dashboard.records.screen import Screen
from dashboard.records.spec import Spec
from tests.records.forms import read_form, two_texts

every = pytest.mark.parametrize("entity", [screen.entity() for screen in SCREENS])


def having(attribute: str) -> pytest.MarkDecorator:
    """Ask those screens only that can do a thing; the others have no address for it."""
    return pytest.mark.parametrize(
        "entity", [screen.entity() for screen in SCREENS if getattr(screen, attribute)]
    )


Make = Callable[..., Any]


def address(entity: str, rest: str = "") -> str:
    return f"/t/acme/records/{entity}/{rest}"


def shown(page: str) -> list[int]:
    """Ids of the rows of a list."""
    return [int(row) for row in re.findall(r'name="ids" value="(\d+)"', page)]


@every
def test_list_shows_what_is_stored(entity: str, make: Make, staff: FlaskClient) -> None:
    made = [make(entity).id for _ in range(3)]
    answer = staff.get(address(entity))
    assert answer.status_code == 200
    assert set(made) <= set(shown(answer.text))


@every
def test_list_takes_few_queries_however_long(entity: str, make: Make, staff: FlaskClient) -> None:
    for _ in range(5):
        make(entity)
    staff.get(address(entity))
    with counted_statements() as seen:
        staff.get(address(entity))
    of_records = [text for text in seen if entity in text.lower()]
    assert len(of_records) <= 4, of_records  # two parts of the order, a count, the table's size


@having("column_searchable_list")
def test_search_finds_a_record_by_its_text(
    entity: str, specs: dict[str, Spec], make: Make, staff: FlaskClient
) -> None:
    made, other = make(entity), make(entity)
    texts = [str(getattr(made, key) or "") for key in specs[entity].search_keys]
    # a record without words of its own is not found by any; the rest of the rule holds for it too
    for text in [text for text in texts if text][:1]:
        assert made.id in shown(staff.get(address(entity), query_string={"q": text}).text)
    assert shown(staff.get(address(entity), query_string={"q": "no such words at all"}).text) == []
    assert other.id > made.id


@pytest.mark.no_cover  # thousands of pages of which a few show every line
@every
def test_every_column_sorts_both_ways(
    entity: str, specs: dict[str, Spec], make: Make, staff: FlaskClient
) -> None:
    made = {make(entity).id for _ in range(3)}
    for key in specs[entity].sort_keys:
        up = shown(staff.get(address(entity), query_string={"sort": key}).text)
        down = shown(staff.get(address(entity), query_string={"sort": f"-{key}"}).text)
        assert set(up) == set(down) >= made, key


@every
def test_every_filter_can_be_used(
    entity: str, specs: dict[str, Spec], make: Make, staff: FlaskClient
) -> None:
    made = make(entity)
    for column in specs[entity].columns.values():
        value = getattr(made, column.key)
        empty = staff.get(address(entity), query_string={f"{column.key}__empty": "1"})
        assert empty.status_code == 200, column.key
        if value is None or column.kind is Kind.DOCUMENT or column.key == "deleted_at":
            continue
        text = str(value.date()) if column.kind is Kind.MOMENT else str(value)
        names = {Kind.TEXT: "contains", Kind.LONG_TEXT: "starts"}.get(column.kind, "")
        argument = f"{column.key}__{names}" if names else column.key
        answer = staff.get(address(entity), query_string={argument: text})
        assert made.id in shown(answer.text), (column.key, text)
    assert staff.get(address(entity, "filters")).status_code == 200


@every
def test_pages_follow_each_other_both_ways(
    entity: str, make: Make, staff: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.records.state.PAGE_SIZES", (2, 50))
    made = [make(entity).id for _ in range(5)]
    forward, address_now = [], f"{address(entity)}?size=2"
    while address_now:
        page = staff.get(address_now).text
        forward.append(shown(page))
        address_now = _step(page, entity, "Next page")
    assert set(made) <= {row for rows in forward for row in rows}
    assert len({row for rows in forward for row in rows}) == sum(map(len, forward))
    last = staff.get(f"{address(entity)}?size=2&page=last").text
    assert shown(last) == forward[-1]
    before = staff.get(_step(last, entity, "Previous page")).text
    assert shown(before) == forward[-2]
    assert shown(staff.get(f"{address(entity)}?size=2&page=2").text) == forward[1]


@every
def test_addresses_that_make_no_sense_answer_with_a_page(entity: str, make: Make, staff: FlaskClient) -> None:
    make(entity)
    normal: tuple[str, ...] = (
        "?page=-1",
        "?page=99999999999999999999",
        "?page=7000",
        "?page=x",
        "?q=%00",
        "?q=a%00b",
        "?size=7",
    )
    normal += ("?sort=nothing", "?after=!!", "?before=WzFd", "?after=bnVsbA", "?cols=none,id", "?deleted=1")
    for query in normal:
        assert staff.get(address(entity, query)).status_code == 200, query
    for query in (
        "?id=abc",
        "?id=9999999999999999999999",
        "?created_at=yesterday",
        "?created_at__from=99999-01-01",
    ):
        assert staff.get(address(entity, query)).status_code == 422, query
    for path in (
        "abc",
        "abc/edit",
        "1,2",
        "-1",
        "0",
        "99999999999999999999/edit",
        "9000000000000000000",
        "1/none",
    ):
        assert staff.get(address(entity, path)).status_code == 404, path


@having("can_create")
def test_a_record_is_made_with_its_form(
    entity: str, specs: dict[str, Spec], make: Make, staff: FlaskClient
) -> None:
    pattern = make(entity)
    form = read_form(staff.get(address(entity, f"{pattern.id}/duplicate")).text)
    staff.post(address(entity, f"{pattern.id}/delete"))  # makes room where values must be unique
    answer = staff.post(address(entity, "new"), data=form)
    assert answer.status_code == 302, problems(answer.text)
    page = staff.get(answer.location)
    assert page.status_code == 200
    assert staff.email in page.text  # type: ignore[attr-defined]  # created by


@having("can_create")
def test_an_empty_form_says_what_is_missing(entity: str, specs: dict[str, Spec], staff: FlaskClient) -> None:
    answer = staff.post(address(entity, "new"), data={})
    assert answer.status_code == 422
    assert "This is required." in answer.text


@having("can_edit")
def test_a_saved_form_changes_nothing_but_what_was_typed(
    entity: str, specs: dict[str, Spec], make: Make, stored: Make, staff: FlaskClient
) -> None:
    made = make(entity)
    form = read_form(staff.get(address(entity, f"{made.id}/edit")).text)
    assert staff.post(address(entity, f"{made.id}/edit"), data=form).status_code == 302
    after = stored(specs[entity].model, made.id)
    for key in specs[entity].columns:
        assert getattr(after, key) == getattr(made, key), key


@having("can_edit")
def test_a_stale_save_is_refused_and_keeps_what_was_typed(
    entity: str, specs: dict[str, Spec], make: Make, stored: Make, staff: FlaskClient
) -> None:
    made = make(entity)
    key, mine, theirs = two_texts(specs[entity])
    form = read_form(staff.get(address(entity, f"{made.id}/edit")).text)
    assert staff.post(address(entity, f"{made.id}/edit"), data={**form, key: theirs}).status_code == 302
    answer = staff.post(address(entity, f"{made.id}/edit"), data={**form, key: mine})
    assert answer.status_code == 409
    again = read_form(answer.text)
    assert again[key] == mine
    assert again[f"resolve-{key}"] == "mine"
    chosen = {**again, f"resolve-{key}": "theirs"}
    assert staff.post(address(entity, f"{made.id}/edit"), data=chosen).status_code == 302
    assert str(getattr(stored(specs[entity].model, made.id), key)) == theirs
    fresh = read_form(staff.get(address(entity, f"{made.id}/edit")).text)
    keep_mine = {**again, "version": fresh["version"], "base": fresh["base"]}
    assert staff.post(address(entity, f"{made.id}/edit"), data=keep_mine).status_code == 302
    assert str(getattr(stored(specs[entity].model, made.id), key)) == mine


@having("can_delete")
def test_a_record_is_deleted_after_asking(
    entity: str, specs: dict[str, Spec], make: Make, stored: Make, staff: FlaskClient
) -> None:
    made = make(entity)
    spec = specs[entity]
    page = staff.get(address(entity, f"{made.id}/delete"))
    assert "Delete 1 row" in page.text
    assert staff.post(address(entity, f"{made.id}/delete")).status_code == 302
    assert made.id not in shown(staff.get(address(entity)).text)
    after = stored(spec.model, made.id)
    assert after is None if not spec.soft_delete else after.deleted_at is not None
    if spec.soft_delete:
        assert made.id in shown(staff.get(address(entity, "?deleted=1")).text)
        assert staff.get(address(entity, f"{made.id}/edit")).status_code == 409
        assert staff.post(address(entity, f"{made.id}/restore")).status_code == 302
        assert made.id in shown(staff.get(address(entity)).text)
        assert staff.post(address(entity, f"{made.id}/restore")).status_code == 409


@every
def test_the_export_has_every_row_once(
    entity: str, specs: dict[str, Spec], make: Make, staff: FlaskClient
) -> None:
    made = [make(entity).id for _ in range(3)]
    seen = ("id", *specs[entity].list_keys)
    text = staff.get(address(entity, "export.csv"), query_string={"cols": ",".join(seen)}).text
    rows = list(csv.reader(io.StringIO(text)))
    labels = [specs[entity].columns[key].label for key in seen]
    assert rows[0][0] == "ID"
    assert set(labels) <= set(rows[0])
    ids = [int(row[0]) for row in rows[1:]]
    assert set(made) <= set(ids)
    assert len(ids) == len(set(ids))


@every
def test_the_spreadsheet_has_every_row_with_the_columns_seen(
    entity: str, specs: dict[str, Spec], make: Make, staff: FlaskClient
) -> None:
    made = [make(entity).id for _ in range(3)]
    keys = ("id", *(key for key in specs[entity].columns if key != "id"))
    answer = staff.get(address(entity, "export.xlsx"), query_string={"cols": ",".join(keys)})
    assert answer.status_code == 200
    book = CalamineWorkbook.from_filelike(io.BytesIO(answer.data))
    rows = book.get_sheet_by_index(0).to_python()
    labels = [specs[entity].columns[key].label for key in keys]
    assert sorted(rows[0]) == sorted(labels)  # a currency stands behind its amount
    assert set(made) <= {row[0] for row in rows[1:]}
    usual = staff.get(address(entity, "export.xlsx"))
    head = CalamineWorkbook.from_filelike(io.BytesIO(usual.data)).get_sheet_by_index(0).to_python()[0]
    wanted = [specs[entity].columns[key].label for key in specs[entity].list_keys]
    assert [label for label in head if label in wanted] == wanted


@every
def test_groups_of_conditions_list_any_of_them(
    entity: str, specs: dict[str, Spec], make: Make, staff: FlaskClient
) -> None:
    first, second, third = (make(entity) for _ in range(3))
    query = {"g1.id": str(first.id), "g2.1.id": str(second.id), "g2.1.id__empty": "1"}
    if "created_at" in specs[entity].columns:
        query["g1.created_at__from"] = "2000-01-01"
    page = staff.get(address(entity), query_string=query)
    assert set(shown(page.text)) == {first.id, second.id}
    assert " or " in page.text.partition('class="chips"')[2]
    panel = staff.get(address(entity, "filters"), query_string=query)
    assert panel.status_code == 200
    for key in specs[entity].filter_keys:
        assert f'data-condition-blank="{key}"' in panel.text
    assert staff.get(address(entity), query_string={"g1.nothing": "1"}).status_code == 422
    assert third.id not in shown(page.text)


@every
def test_a_view_of_the_list_is_saved_and_opened(
    entity: str, make: Make, login: Callable[..., FlaskClient]
) -> None:
    made, _ = make(entity), make(entity)
    manager = login("manager", tenant="acme")
    data = {"name": f"One {entity}", "query": f"?g1.id={made.id}", "cols": "id", "default": "1"}
    assert manager.post(address(entity, "views"), data=data).status_code == 302
    answer = manager.get(address(entity))
    assert answer.status_code == 302
    page = manager.get(answer.location).text
    assert shown(page) == [made.id]
    assert re.findall(r'data-column="(\w+)"', page) == ["id"]


@having("can_edit")
def test_every_cell_of_a_list_can_be_opened_and_stored_as_it_is(
    entity: str, specs: dict[str, Spec], make: Make, stored: Make, staff: FlaskClient
) -> None:
    made = make(entity)
    spec = specs[entity]
    for key in sorted(editable(spec)):
        cell = address(entity, f"{made.id}/cell/{key}")
        page = staff.get(cell)
        if page.status_code == 409:
            assert 'role="alert"' in page.text  # locked or frozen, and it says why
            continue
        assert page.status_code == 200, key
        form = read_form(f'<form class="record-form">{page.text}</form>')
        answer = staff.post(cell, data={**form, "cols": "id"})
        assert answer.status_code == 200, (key, answer.text)
        assert answer.text.startswith("<tr")
    after = stored(spec.model, made.id)
    for key in spec.columns:
        assert getattr(after, key) == getattr(made, key), key


@every
def test_the_history_names_who_made_a_record(entity: str, make: Make, staff: FlaskClient) -> None:
    made = make(entity)
    page = staff.get(address(entity, str(made.id))).text
    assert 'id="history"' in page
    assert "maker@example.com" in page


@having("can_create")
def test_a_copy_starts_from_the_record(
    entity: str, specs: dict[str, Spec], make: Make, staff: FlaskClient
) -> None:
    made = make(entity)
    form = read_form(staff.get(address(entity, f"{made.id}/duplicate")).text)
    assert "version" not in form
    for key in specs[entity].form_keys:
        column = specs[entity].columns[key]
        if column.kind is Kind.REFERENCE:
            assert form.get(key) == str(getattr(made, key) or ""), key


@every
def test_the_lookup_answers_for_pickers(entity: str, make: Make, staff: FlaskClient) -> None:
    made = make(entity)
    answer = staff.get(address(entity, f"lookup?q=%23{made.id}"))
    found = {option["id"] for option in json.loads(answer.text)["results"]}
    assert str(made.id) in found


@every
def test_a_role_without_the_grant_is_refused(
    entity: str, make: Make, login: Callable[..., FlaskClient], specs: dict[str, Spec]
) -> None:
    made = make(entity)
    manager = login("manager", tenant="acme")
    for path in ("", "filters", f"{made.id}", "export.csv", "lookup"):
        assert manager.get(address(entity, path)).status_code == 200, path
    for path in ("new", f"{made.id}/edit", f"{made.id}/delete", f"{made.id}/duplicate"):
        assert manager.get(address(entity, path)).status_code == 403, path
    for path in ("new", f"{made.id}/edit", f"{made.id}/delete", f"{made.id}/restore", "quick"):
        assert manager.post(address(entity, path)).status_code == 403, path
    for action in ("delete", "restore", "set"):
        data = {"action": action, "ids": str(made.id)}
        assert manager.post(address(entity, "bulk"), data=data).status_code == 403, action
    nobody = login("staff", tenant="globex")
    assert nobody.get(address(entity)).status_code == 404
    assert login("dba").get(address(entity)).status_code in {403, 404}


@every
def test_unused_pages_of_flask_admin_do_not_exist(entity: str, app: Flask) -> None:
    known = {
        rule.endpoint.rpartition(".")[2] for rule in app.url_map.iter_rules(f"records_{entity}.index_view")
    }
    names = {name.rpartition(".")[2] for name in app.view_functions if name.startswith(f"records_{entity}.")}
    assert known == {"index_view"}
    assert not names & {"ajax_update", "ajax_lookup", "action_view", "export"}
    assert isinstance(app.extensions["records"][entity], Screen)


class counted_statements:  # noqa: N801 - reads as a verb at its only use
    """Statements sent to the ERP while the block runs."""

    def __enter__(self) -> list[str]:
        self.seen: list[str] = []
        event.listen(db.engine, "before_cursor_execute", self._note)
        return self.seen

    def _note(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        self.seen.append(statement)

    def __exit__(self, *_error: object) -> None:
        event.remove(db.engine, "before_cursor_execute", self._note)


def _step(page: str, entity: str, label: str) -> str:
    link = re.search(rf'<a[^>]*href="([^"]*)"[^>]*aria-label="{label}"', page)
    return address(entity, link.group(1).replace("&amp;", "&")) if link else ""


def problems(page: str) -> list[str]:
    """What a form complains about."""
    found: list[str] = re.findall(
        r"<li>(.*?)</li>", page.partition("Please correct")[2].partition("</ul>")[0]
    )
    return found
