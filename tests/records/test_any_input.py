"""Whatever is typed into any form: never an error of ours, and never lost."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dashboard.erp.screens import SCREENS
from dashboard.records.spec import Spec
from tests.records.any_input import CORPUS, RAW, anything, encode, normal, open_fields
from tests.records.forms import read_form

Make = Callable[..., Any]
EXAMPLES = 200
DEFAULTS = frozenset({"", "0", "1", "EUR"})
FORM = "application/x-www-form-urlencoded"
calm = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(
        Phase.explicit,
        Phase.generate,
    ),  # a failure is named at once; shrinking it asks hundreds of pages
)
# Thousands of pages: the lines they run are counted by the tests beside this one, in half the time.
pytestmark = pytest.mark.no_cover
creatable = pytest.mark.parametrize("entity", [screen.entity() for screen in SCREENS if screen.can_create])
editable = pytest.mark.parametrize("entity", [screen.entity() for screen in SCREENS if screen.can_edit])
every = pytest.mark.parametrize("entity", [screen.entity() for screen in SCREENS])


def address(entity: str, rest: str = "") -> str:
    return f"/t/acme/records/{entity}/{rest}"


def check(answer: Any, typed: Mapping[str, str]) -> None:
    """It was stored, or the form is shown again with everything that was typed."""
    assert answer.status_code in {302, 409, 422}, (answer.status_code, typed)
    if answer.status_code == 302:
        return
    again = read_form(answer.text)
    for key, text in typed.items():
        row = key.partition("-0-")[0] + "-0-"
        if "-0-" in key and key not in again:
            # a row that says nothing beyond its defaults is no row
            said = [normal(value) for name, value in typed.items() if name.startswith(row)]
            assert all(value in DEFAULTS for value in said), typed
            continue
        assert normal(again[key]) == normal(text), (key, text[:100], again[key][:100])


@creatable
def test_any_text_in_a_new_form_is_stored_or_shown_again(
    entity: str, specs: dict[str, Spec], make: Make, staff: FlaskClient
) -> None:
    form = read_form(staff.get(address(entity, f"{make(entity).id}/duplicate")).text)
    fields = open_fields(specs[entity], form)

    @calm
    @given(st.dictionaries(st.sampled_from(fields), anything, min_size=1, max_size=4))
    def ask(typed: dict[str, str]) -> None:
        check(staff.post(address(entity, "new"), data=form | typed), typed)

    ask()


@editable
def test_the_corpus_in_a_stored_form_is_stored_or_shown_again(
    entity: str, specs: dict[str, Spec], make: Make, staff: FlaskClient
) -> None:
    path = address(entity, f"{make(entity).id}/edit")
    first = staff.get(path)
    if first.status_code == 409:
        return  # locked by its workflow: nothing can be typed
    form = read_form(first.text)
    fields = open_fields(specs[entity], form)
    for name, text in CORPUS.items():
        typed = {key: text for key in fields if key in form or "-0-" in key}
        answer = staff.post(path, data=form | typed)
        assert answer.status_code in {302, 409, 422}, name
        if answer.status_code == 302:  # stored: the next one is typed into what is there now
            form = read_form(staff.get(path).text)
        check(answer, typed)
    for name, raw in RAW.items():
        answer = staff.post(
            path, data=encode(form | dict.fromkeys(fields, ""), raw, fields), content_type=FORM
        )
        assert answer.status_code in {302, 409, 422}, name


@creatable
def test_the_corpus_one_field_at_a_time_makes_no_error(
    entity: str, specs: dict[str, Spec], make: Make, staff: FlaskClient
) -> None:
    form = read_form(staff.get(address(entity, f"{make(entity).id}/duplicate")).text)
    fields = open_fields(specs[entity], form)
    for place, (_, text) in enumerate(CORPUS.items()):
        typed = {fields[place % len(fields)]: text}
        check(staff.post(address(entity, "new"), data=form | typed), typed)


@every
def test_the_corpus_in_lists_and_pickers_makes_no_error(
    entity: str, specs: dict[str, Spec], make: Make, staff: FlaskClient
) -> None:
    make(entity)
    keys = [*specs[entity].columns][:6]
    for name, text in CORPUS.items():
        words = text[:2000]
        asked: list[tuple[str, dict[str, str]]] = [
            ("", {"q": words}),
            ("", dict.fromkeys(keys, words)),
            ("lookup", {"q": words, "org_id": words}),
            ("lookup", {"exact": words, "org_id": words}),
        ]
        for rest, query in asked:
            status = staff.get(address(entity, rest), query_string=query).status_code
            assert status in {200, 403, 404, 422}, (name, rest, query)
    for name, raw in RAW.items():
        for rest in (f"?q={raw}", f"lookup?q={raw}", f"?{keys[0]}={raw}"):
            assert staff.get(address(entity, rest)).status_code in {200, 403, 404, 422}, (name, rest)


def test_the_corpus_in_the_controls_of_a_list_makes_no_error(make: Make, staff: FlaskClient) -> None:
    make("supplier")
    for control in ("page", "size", "sort", "after", "id", "cols", "view"):
        for text in CORPUS.values():
            answer = staff.get(address("supplier"), query_string={control: text[:2000]})
            assert answer.status_code in {200, 403, 404, 422}, (control, text[:100])
        for raw in RAW.values():
            for query in (f"?{control}={raw}", f"?{raw}={raw}"):
                assert staff.get(address("supplier", query)).status_code in {200, 403, 404, 422}, query


@creatable
def test_the_corpus_as_a_name_in_a_picker_makes_no_error(entity: str, make: Make, staff: FlaskClient) -> None:
    make("organization")
    for name, text in CORPUS.items():
        answer = staff.post(address(entity, "quick"), data={"text": text, "org_id": text})
        assert answer.status_code in {201, 409, 422}, name
    for name, raw in RAW.items():
        answer = staff.post(address(entity, "quick"), data=f"text={raw}".encode(), content_type=FORM)
        assert answer.status_code in {201, 409, 422}, name


def test_a_megabyte_in_one_field_comes_back_whole(make: Make, staff: FlaskClient) -> None:
    supplier = make("supplier")
    form = read_form(staff.get(address("supplier", f"{supplier.id}/edit")).text)
    typed = {"address" if "address" in form else "website": "x" * 1_048_576}
    answer = staff.post(address("supplier", f"{supplier.id}/edit"), data=form | typed)
    assert answer.status_code == 422
    check(answer, typed)


def test_more_rows_than_a_form_takes_are_all_shown_again(make: Make, staff: FlaskClient) -> None:
    supplier = make("supplier")
    path = address("supplier", f"{supplier.id}/edit")
    rows = {f"supplier_contact-{number}-name": f"Contact {number}" for number in range(1001)}
    answer = staff.post(path, data=read_form(staff.get(path).text) | rows)
    assert answer.status_code == 422
    assert "At most 1,000 rows" in answer.text
    again = read_form(answer.text)
    assert all(again[key] == text for key, text in rows.items())


def test_a_row_of_which_nothing_could_be_read_is_not_dropped(make: Make, staff: FlaskClient) -> None:
    organization = make("organization")
    form = {"title": "Bolts", "currency": "EUR", "org_id": str(organization.id)}
    answer = staff.post(address("rfq", "new"), data=form | {"rfq_line-0-quantity": "many"})
    assert answer.status_code == 422
    assert read_form(answer.text)["rfq_line-0-quantity"] == "many"
