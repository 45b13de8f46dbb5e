"""Home shows what waits for a person, and nothing of desks they may not open."""

from collections.abc import Callable

from flask.testing import FlaskClient


def page(browser: FlaskClient) -> str:
    """The start page, wherever it leads."""
    return browser.get("/", follow_redirects=True).get_data(as_text=True)


def test_staff_see_what_waits_in_their_tenant_and_no_database(login: Callable[..., FlaskClient]) -> None:
    text = page(login("staff", tenant="acme"))
    assert "Quotes to compare" in text
    assert "Nothing waits" in text
    assert "ERP primary" not in text


def test_a_dba_sees_the_database_and_no_records(login: Callable[..., FlaskClient]) -> None:
    text = page(login("dba"))
    assert "ERP primary" in text
    assert "Quotes to compare" not in text


def test_a_manager_is_led_to_the_charts(login: Callable[..., FlaskClient]) -> None:
    assert "/t/acme/insights/" in page(login("manager", tenant="acme"))


def test_a_person_without_a_role_is_told_what_to_do(login: Callable[..., FlaskClient]) -> None:
    assert "An administrator can give you a role" in page(login(None))
