"""Texts of a record in another language: typing, going stale, still right, removing, two at once."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.erp.models import Product
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from dashboard.translations import languages, queries, service
from dashboard.translations.fields import hash_of, translatable
from tests.factories import OrganizationFactory, ProductFactory


@pytest.fixture
def product(acme: TenantRef) -> int:
    """A product of an organization that writes English."""
    with use_tenant(acme, actor="maker@example.com") as session:
        made = ProductFactory(
            name="Steel bracket", description="Galvanised.", organization=OrganizationFactory(locale="en_GB")
        )
        session.commit()
        return int(made.id)


@pytest.fixture
def staff(login: Callable[..., FlaskClient]) -> FlaskClient:
    """A browser of someone with the role staff in acme."""
    return login("staff", tenant="acme")


def page_of(browser: FlaskClient, product: int, language: str) -> str:
    return browser.get(f"/t/acme/records/product/{product}?language={language}").text


def form_of(page: str) -> dict[str, str]:
    """What a browser would send of the editor."""
    start = page.index('name="language"')
    form = page[start - 400 : page.index("</form>", start)]
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
    areas = dict(re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL))
    return {name: unescape(value) for name, value in (hidden | areas).items()}


def send(browser: FlaskClient, product: int, page: str, **changes: str) -> Any:
    data = form_of(page) | changes
    return browser.post(f"/t/acme/records/translations/product/{product}", data=data, follow_redirects=True)


def test_models_say_what_can_be_translated() -> None:
    assert translatable() == {"product": ("name", "description")}


def test_texts_are_typed_on_the_records_page(product: int, staff: FlaskClient) -> None:
    page = page_of(staff, product, "de")
    assert "Steel bracket" in page
    saved = send(staff, product, page, text_name="Stahlwinkel", text_description="Verzinkt.\r\nZwei Löcher.")
    assert "The texts in German were saved." in saved.text
    kept = form_of(page_of(staff, product, "de"))
    assert (kept["text_name"], kept["text_description"]) == ("Stahlwinkel", "Verzinkt.\nZwei Löcher.")
    assert form_of(page_of(staff, product, "ja"))["text_name"] == ""


def test_the_panel_is_only_where_something_can_be_translated(product: int, staff: FlaskClient) -> None:
    assert 'id="translations"' in page_of(staff, product, "de")
    with_no_texts = staff.get("/t/acme/records/unit/1")
    assert 'id="translations"' not in with_no_texts.text
    assert staff.post("/t/acme/records/translations/unit/1", data={"language": "de"}).status_code == 404


def change_source(tenant: TenantRef, product: int, name: str) -> None:
    with use_tenant(tenant, actor="editor@example.com") as session:
        session.get_one(Product, product).name = name
        session.commit()


def test_a_changed_original_makes_the_translation_stale(
    product: int, staff: FlaskClient, acme: TenantRef
) -> None:
    send(staff, product, page_of(staff, product, "de"), text_name="Stahlwinkel")
    change_source(acme, product, "Steel bracket 40 mm")
    page = page_of(staff, product, "de")
    assert "Stale" in page
    assert re.search(r"Translated from: <del[^>]*>Steel bracket</del>", page)
    assert "Still right" in page
    # saving another text beside it does not make it current
    page = send(staff, product, page, text_description="Verzinkt.").text
    assert "Still right" in page
    page = send(staff, product, page, keep="name").text
    assert "Name in German counts as current again." in page
    assert "Still right" not in page


def test_a_new_text_is_current_again(product: int, staff: FlaskClient, acme: TenantRef) -> None:
    send(staff, product, page_of(staff, product, "de"), text_name="Stahlwinkel")
    change_source(acme, product, "Steel bracket 40 mm")
    page = send(staff, product, page_of(staff, product, "de"), text_name="Stahlwinkel 40 mm").text
    assert "Still right" not in page


def test_an_original_changed_while_it_was_translated_leaves_it_stale(
    product: int, staff: FlaskClient, acme: TenantRef
) -> None:
    page = page_of(staff, product, "de")
    change_source(acme, product, "Brass bracket")
    assert "Still right" in send(staff, product, page, text_name="Stahlwinkel").text


def test_texts_are_removed_by_button_or_by_emptying(product: int, staff: FlaskClient) -> None:
    page = send(staff, product, page_of(staff, product, "de"), text_name="A", text_description="B").text
    page = send(staff, product, page, remove="name", text_description="B2").text
    assert "Name in German was removed." in page
    kept = form_of(page)
    assert (kept["text_name"], kept["text_description"]) == ("", "B2")  # what was typed beside it is kept
    page = send(staff, product, page, text_description="   ").text
    assert form_of(page)["text_description"] == ""


def test_two_translators_at_once_see_both_texts(product: int, staff: FlaskClient) -> None:
    page = page_of(staff, product, "de")
    send(staff, product, page, text_name="Stahlwinkel")
    answer = send(staff, product, page, text_name="Winkel aus Stahl", text_description="Verzinkt.")
    assert answer.status_code == 409
    assert "Somebody else wrote meanwhile" in answer.text
    assert "Stahlwinkel" in answer.text
    again = form_of(answer.text)
    assert (again["text_name"], again["text_description"]) == ("Winkel aus Stahl", "Verzinkt.")
    saved = send(staff, product, answer.text)
    assert form_of(saved.text)["text_name"] == "Winkel aus Stahl"


def test_keeping_what_is_gone_is_refused(product: int, staff: FlaskClient) -> None:
    page = page_of(staff, product, "de")
    assert send(staff, product, page, keep="name").status_code == 409
    assert send(staff, product, page, remove="name").status_code == 200


@pytest.mark.parametrize(
    "language", ["", "xx-nothing", "../../etc", "e", "de\x00", "x" * 200, "en", "EN_us "]
)
def test_what_is_no_other_language_is_refused_or_stored_apart(
    product: int, staff: FlaskClient, language: str
) -> None:
    answer = send(staff, product, page_of(staff, product, "de"), language=language, text_name="X")
    assert answer.status_code == (200 if language == "EN_us " else 422)
    assert (
        staff.get(f"/t/acme/records/product/{product}", query_string={"language": language}).status_code
        == 200
    )


def test_the_records_own_language_is_not_offered(product: int, staff: FlaskClient) -> None:
    answer = send(staff, product, page_of(staff, product, "de"), language="en", text_name="X")
    assert "The record itself is written in English." in answer.text


def test_hostile_texts_are_shown_as_text(product: int, staff: FlaskClient) -> None:
    words = '</textarea><script>alert(1)</script>"\x00'
    page = send(staff, product, page_of(staff, product, "ar"), text_name=words).text
    assert "<script>alert" not in page
    assert form_of(page)["text_name"] == '</textarea><script>alert(1)</script>"'
    assert 'dir="rtl"' in page
    long = send(staff, product, page, text_name="x" * 30_000)
    assert long.status_code == 422


def test_managers_read_and_cannot_translate(
    product: int, staff: FlaskClient, login: Callable[..., FlaskClient]
) -> None:
    page = page_of(staff, product, "de")
    send(staff, product, page, text_name="Stahlwinkel")
    manager = login("manager", tenant="acme")
    shown = page_of(manager, product, "de")
    assert "Stahlwinkel" in shown
    assert "Save texts" not in shown
    assert send(manager, product, page, text_name="X").status_code == 403


def test_a_deleted_record_cannot_be_translated(product: int, staff: FlaskClient, acme: TenantRef) -> None:
    page = page_of(staff, product, "de")
    with use_tenant(acme, actor="x") as session:
        session.execute(text("UPDATE product SET deleted_at = now() WHERE id = :id"), {"id": product})
        session.commit()
    assert send(staff, product, page, text_name="X").status_code == 409
    assert send(staff, 99_999_999, page, text_name="X").status_code == 404


def test_documents_get_the_best_text_there_is(tenant: Session) -> None:
    organization = OrganizationFactory(locale="en")
    first, second, third = (ProductFactory(name=f"Part {n}", organization=organization) for n in (1, 2, 3))
    service.save(tenant, "product", first, "pt", "name", "Peça 1")
    service.save(tenant, "product", first, "pt_br", "name", "Peça um")
    service.save(tenant, "product", second, "pt", "name", "Peça 2")
    second.name = "Part two"  # stale, and still better than a language its reader does not know
    tenant.flush()
    ids = [first.id, second.id, third.id, 99_999_999]
    found = queries.translated(tenant, "product", ids, "name", "pt-BR")
    assert found == {first.id: "Peça um", second.id: "Peça 2", third.id: "Part 3"}
    assert queries.translated(tenant, "product", ids, "name", "pt")[first.id] == "Peça 1"
    assert queries.translated(tenant, "product", ids, "name", "de")[first.id] == "Part 1"
    assert queries.translated(tenant, "product", [third.id], "description", "de") == {third.id: ""}
    with pytest.raises(InvalidInputError):
        queries.translated(tenant, "product", ids, "sku", "de")
    with pytest.raises(InvalidInputError):
        queries.translated(tenant, "unit", ids, "name", "de")


def test_saving_says_what_is_wrong(tenant: Session) -> None:
    product = ProductFactory(organization=OrganizationFactory(locale="en"))
    with pytest.raises(InvalidInputError, match="not a text that can be translated"):
        service.save(tenant, "product", product, "de", "sku", "X")
    row = service.save(tenant, "product", product, "de", "name", "A")
    assert row is not None
    assert row.source_hash == hash_of(product.name)
    with pytest.raises(ConflictError) as refusal:
        service.save(tenant, "product", product, "de", "name", "B", seen="")
    assert refusal.value.fields == {"name": "A"}
    assert service.save(tenant, "product", product, "de", "name", "A", seen="") is row  # both wrote the same


def test_languages_are_written_one_way() -> None:
    assert [languages.parse(given) for given in ("DE", "pt_br", "zh-hans-cn")] == [
        "de",
        "pt-BR",
        "zh-Hans-CN",
    ]
    assert languages.chain("zh-Hans-CN") == ("zh-Hans-CN", "zh-Hans", "zh")
    assert languages.name_of("pt-BR") == "Portuguese (Brazil)"
    assert languages.name_of("qqq") == "qqq"
    assert languages.direction("ar") == "rtl"
    assert languages.direction("qqq") == "ltr"
    assert ("de", "German") in languages.choices()
