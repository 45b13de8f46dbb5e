"""Global search finds records of every entity the person may view, the best first, whatever is typed."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from dashboard.erp.models import Supplier
from dashboard.search import queries
from dashboard.search.marking import excerpt, mark

PALETTE = "/t/acme/records/search/palette"
PAGE = "/t/acme/records/search"
HOSTILE = (
    *("%", "_", "\\", "\\\\", "%%%", "__", "a%b", "'", "''; DROP TABLE supplier; --", '"', "\x00", "a\x00b"),
    *("x" * 10_000, "%" * 500, "#", "#0", "#999999999999999999", "#9999999999999999999999", "# 12", "\ud800"),
    *(
        "<script>alert(1)</script>",
        "{{ 7 * 7 }}",
        ":word0",
        "%(text)s",
        "%s",
        "日本",
        "شركة",
        "İ",
        "ß",
        "\u202e",
    ),
    *(" ", "\t\n", "a b c d e f g h i j", "(", "[a-z]+", "*", "$1", "🙂", "--", "/*", "NULL", "-1"),
)


def palette(browser: FlaskClient, text: str) -> str:
    """What the palette lists."""
    answer = browser.get(PALETTE, query_string={"q": text})
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def plain(html: str) -> str:
    """The words of a piece of HTML."""
    return " ".join(
        re.sub(r"<[^>]+>", " ", re.sub(r"</?mark>|<svg.*?</svg>", "", html, flags=re.DOTALL)).split()
    )


def titles(html: str) -> list[str]:
    """The titles of the results, in their order."""
    return [plain(found) for found in re.findall(r'class="palette-title">(.*?)</span>', html, re.DOTALL)]


def test_a_word_finds_records_of_several_entities(staff: FlaskClient, make: Callable[..., Any]) -> None:
    make("supplier", name="Quokka Metals")
    make("customer", name="Quokka Stores")
    make("product", name="Quokka bolt M8", sku="QK-1")
    make("rfq", title="Bolts for quokka line")
    text = palette(staff, "quokka")
    assert {"Quokka Metals", "Quokka Stores", "Quokka bolt M8", "Bolts for quokka line"} <= set(titles(text))
    for group in ("Suppliers", "Customers", "Products", "RFQs"):
        assert f'aria-label="{group}"' in text


def test_the_exact_code_comes_before_what_begins_with_it_and_that_before_what_contains_it(
    staff: FlaskClient, make: Callable[..., Any]
) -> None:
    make("supplier", name="Contains WOMBAT1 inside", code="Z-1")
    make("supplier", name="Longer code", code="WOMBAT17")
    make("supplier", name="The one meant", code="WOMBAT1")
    make("supplier", name="Wombat1 Trading", code="Z-2")
    assert titles(palette(staff, "wombat1"))[:4] == [
        "The one meant",
        "Longer code",
        "Wombat1 Trading",
        "Contains WOMBAT1 inside",
    ]


def test_an_exact_hit_is_first_even_among_hundreds_that_begin_alike(
    staff: FlaskClient, make: Callable[..., Any], tenant: Any
) -> None:
    first = make("supplier", name="Dingo", code="DD-1")
    tenant.execute(
        sa.text(
            "INSERT INTO supplier (org_id, name, code)"
            " SELECT :org, 'Dingo ' || n, 'DD-1' || n FROM generate_series(1, 500) n"
        ),
        {"org": first.org_id},
    )
    tenant.commit()
    assert titles(palette(staff, "dd-1"))[0] == "Dingo"


def test_a_document_is_found_by_its_number_and_by_a_part_of_it(
    staff: FlaskClient, make: Callable[..., Any]
) -> None:
    rfq = make("rfq", title="Numbat parts", status="sent")
    assert re.fullmatch(r"RFQ-\d{4}-\d{5}", rfq.number)
    assert titles(palette(staff, rfq.number))[0] == "Numbat parts"
    assert "Numbat parts" in titles(palette(staff, f"rfq {rfq.number[-5:]}"))
    assert f"/records/rfq/{rfq.id}" in palette(staff, rfq.number.lower())


def test_an_id_is_looked_up_in_every_entity(staff: FlaskClient, make: Callable[..., Any]) -> None:
    supplier = make("supplier", name="By its id")
    text = palette(staff, f"#{supplier.id}")
    assert f"/records/supplier/{supplier.id}" in text
    assert "By its id" in titles(text)


def test_an_e_mail_address_finds_the_supplier_of_a_contact(
    staff: FlaskClient, make: Callable[..., Any]
) -> None:
    contact = make("supplier_contact", name="Ada Bilby", email="ada@bilby.example")
    text = palette(staff, "ada@bilby.example")
    assert f"/records/supplier/{contact.supplier_id}" in text
    assert "Ada Bilby" in plain(text)


def test_all_words_must_be_there_in_any_order(staff: FlaskClient, make: Callable[..., Any]) -> None:
    make("supplier", name="Potoroo Steel Limited")
    make("supplier", name="Potoroo Glass Limited")
    assert "Potoroo Steel Limited" in titles(palette(staff, "steel potoroo"))
    assert "Potoroo Glass Limited" not in titles(palette(staff, "steel potoroo"))


def test_two_letters_find_what_begins_with_them(staff: FlaskClient, make: Callable[..., Any]) -> None:
    make("supplier", name="Qy Industries")
    make("supplier", name="Not beginning qy")
    found = titles(palette(staff, "qy"))
    assert "Qy Industries" in found
    assert "Not beginning qy" not in found


def test_names_that_sound_alike_are_offered_where_nothing_contains_the_word(
    staff: FlaskClient, make: Callable[..., Any]
) -> None:
    make("supplier", name="Kangaroo")
    text = palette(staff, "Kangeroo")
    assert "Kangaroo" in titles(text)
    assert "sounds alike" in text
    assert "sounds alike" not in palette(staff, "Kangaroo")


def test_the_text_of_a_message_is_cut_around_the_word(staff: FlaskClient, make: Callable[..., Any]) -> None:
    make("message", subject="Delivery", body="lorem " * 200 + "the wallaby crate is late " + "ipsum " * 200)
    text = palette(staff, "wallaby")
    assert "<mark>wallaby</mark> crate is late" in text
    assert len(text) < 8_000


def test_matches_are_marked_and_everything_else_is_escaped(
    staff: FlaskClient, make: Callable[..., Any]
) -> None:
    make("supplier", name="<b>Echidna</b> & Sons")
    text = palette(staff, "echidna")
    assert "&lt;b&gt;<mark>Echidna</mark>&lt;/b&gt; &amp; Sons" in text
    assert "<b>" not in text


def test_deleted_records_are_not_found(staff: FlaskClient, make: Callable[..., Any], tenant: Any) -> None:
    gone = make("supplier", name="Thylacine Ltd")
    assert "Thylacine Ltd" in titles(palette(staff, "thylacine"))
    tenant.execute(sa.update(Supplier).where(Supplier.id == gone.id).values(deleted_at=sa.func.now()))
    tenant.commit()
    assert "Thylacine Ltd" not in titles(palette(staff, "thylacine"))


def test_nobody_finds_records_of_another_tenant(
    login: Callable[..., FlaskClient], make: Callable[..., Any]
) -> None:
    make("supplier", name="Only of Acme Quoll")
    other = login("staff", tenant="globex")
    assert other.get("/t/globex/records/search/palette?q=quoll").status_code == 200
    assert "Quoll" not in plain(other.get("/t/globex/records/search/palette?q=quoll").get_data(as_text=True))
    assert "Quoll" not in plain(palette(other, "quoll"))  # no grant in acme: nothing there may be viewed
    assert "Quoll" not in plain(other.get(f"{PAGE}?q=quoll").get_data(as_text=True).partition("<main")[2])


def test_a_role_finds_only_what_it_may_view(
    app: Flask, login: Callable[..., FlaskClient], make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    make("supplier", name="Bandicoot Foundry")
    make("message", subject="Bandicoot", body="secret words")
    assert "secret words" in plain(palette(login("staff", tenant="acme"), "bandicoot"))
    assert "Bandicoot" not in plain(palette(login("dba"), "bandicoot"))
    monkeypatch.setitem(app.extensions["records"]["message"].spec.switches, "view", False)
    text = plain(palette(login("staff", tenant="acme"), "bandicoot"))
    assert "Bandicoot Foundry" in text
    assert "secret words" not in text


def test_prices_are_not_text_that_can_be_searched(staff: FlaskClient, make: Callable[..., Any]) -> None:
    line = make("quote_line", unit_price="8271.55")
    assert line.id
    assert "8271" not in plain(palette(staff, "8271.55"))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_is_typed_is_only_text(staff: FlaskClient, make: Callable[..., Any], text: str) -> None:
    make("supplier", name="Plain name")
    shown = text.encode("utf-8", "surrogatepass")
    for address in (PALETTE, PAGE):
        answer = staff.get(address, query_string={"q": shown})
        assert answer.status_code == 200
        body = answer.get_data(as_text=True)
        assert "<script>alert" not in body
        if text.strip("\x00") in {"%", "_", "\\", "%%%", "__", "*"}:
            assert "Plain name" not in plain(body.partition("<main")[2] or body)


def test_a_search_takes_one_query(
    app: Flask, staff: FlaskClient, make: Callable[..., Any], statements: list[str]
) -> None:
    make("supplier", name="Counted")
    palette(staff, "counted")
    statements.clear()
    palette(staff, "counted")
    searching = [each for each in statements if "similarity" in each]
    assert len(searching) == 1
    assert len([each for each in statements if "supplier" in each]) == 1


def test_commands_are_found_by_their_beginnings(staff: FlaskClient) -> None:
    assert titles(palette(staff, "new rf")) == ["New RFQ"]
    assert "Purchase orders" in titles(palette(staff, "purch"))
    assert "New supplier" in titles(palette(staff, ""))


def test_a_manager_is_offered_no_command_that_is_refused(login: Callable[..., FlaskClient]) -> None:
    assert titles(palette(login("manager", tenant="acme"), "new supplier")) == []


def test_who_works_in_no_tenant_has_the_commands(login: Callable[..., FlaskClient]) -> None:
    text = login("dba").get("/search/palette?q=backups").get_data(as_text=True)
    assert "Backups" in titles(text)


def test_the_page_of_results_works_without_a_script(staff: FlaskClient, make: Callable[..., Any]) -> None:
    make("supplier", name="Pademelon AG")
    text = staff.get(f"{PAGE}?q=pademelon").get_data(as_text=True)
    assert "<mark>Pademelon</mark> AG" in text
    assert "/t/acme/records/supplier/?q=pademelon" in text
    assert "Nothing found for" in staff.get(f"{PAGE}?q=zzzzqqqqxxxx").get_data(as_text=True)
    assert "What are you looking for?" in staff.get(PAGE).get_data(as_text=True)


def test_every_page_has_the_button_and_the_dialog(staff: FlaskClient) -> None:
    text = staff.get("/t/acme/records/supplier/").get_data(as_text=True)
    assert 'data-url="/t/acme/records/search/palette"' in text
    assert 'role="combobox"' in text
    assert "data-open-search" in text


def test_marking_and_cutting() -> None:
    assert str(mark("a <b> A", ["a"])) == "<mark>a</mark> &lt;b&gt; <mark>A</mark>"
    assert str(mark("x", [])) == "x"
    assert excerpt("short", ["x"]) == "short"
    assert excerpt("y " * 100, []).endswith("…")
    assert queries.read("  a   b ").words == ("a", "b")
    assert queries.read("#7").record_id == 7
