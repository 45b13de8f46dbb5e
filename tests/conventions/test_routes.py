"""Every route has a permission, and every role gets exactly what its permission says."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import AnyConverter, BaseConverter, Rule, UUIDConverter
from werkzeug.test import TestResponse

from dashboard.core.web import PUBLIC, permission_of
from dashboard.users.roles import GrantRef, is_allowed

pytestmark = pytest.mark.no_cover  # every page has tests of its own that count its lines
ROLES = ("staff", "manager", "dba", "admin", None)
EXAMPLES = {"tenant": "acme", "slug": "acme", "filename": "css/steward.css"}
UUID = "00000000-0000-0000-0000-000000000000"
LOGOUT = "users.logout"  # would end the walk
PUBLIC_PAGES = {
    "health.healthz",
    "health.readyz",
    "metrics.prometheus",  # guarded by its token, or closed to all but this machine
    "users.login",
    "users.forgotten",
    "users.set_password",
    # an invited supplier, known by a signed link
    "portal.answer",
    "portal.decline",
    "portal.remove",
    "portal.save",
    "portal.upload",
    "static",
}


def rules(app: Flask) -> list[Rule]:
    """Every rule of the application."""
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint != LOGOUT]


def example(converter: BaseConverter) -> object:
    """A value that a converter takes."""
    if isinstance(converter, AnyConverter):
        return min(converter.items)
    return UUID if isinstance(converter, UUIDConverter) else 1


def address(app: Flask, rule: Rule) -> str:
    """An address of a rule, with an example for each of its arguments."""
    converters = rule._converters
    values = {name: EXAMPLES.get(name) or example(converters[name]) for name in rule.arguments}
    with app.test_request_context():
        return app.url_map.bind("localhost").build(rule.endpoint, values)


def allowed(role: str | None, permission: str, tenant: str | None) -> bool:
    """What the table of roles says."""
    return is_allowed((GrantRef(role, None),) if role else (), permission, tenant)


def test_every_route_declares_its_permission(app: Flask) -> None:
    assert [rule.rule for rule in rules(app) if permission_of(app, rule.endpoint) is None] == []


def test_only_these_routes_are_open_to_everybody(app: Flask) -> None:
    public = {rule.endpoint for rule in rules(app) if permission_of(app, rule.endpoint) == PUBLIC}
    assert public - PUBLIC_PAGES - {"fail"} == set()


def test_a_stranger_is_asked_to_log_in_everywhere_else(app: Flask, client: FlaskClient) -> None:
    for rule in rules(app):
        if permission_of(app, rule.endpoint) == PUBLIC:
            continue
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            answer = client.open(address(app, rule), method=method)
            assert answer.status_code == 302, (method, rule.rule, answer.status_code)
            assert answer.location.startswith("/login?next="), rule.rule


def is_refused(answer: TestResponse) -> bool:
    """Whether the gate said no, for want of a permission or of any grant in the tenant."""
    words = answer.get_data().decode(errors="replace")  # some routes answer with a file
    return answer.status_code in {403, 404} and (
        "Your roles do not include" in words or "no access to it" in words
    )


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_what_its_permissions_say_and_nothing_else(
    app: Flask, login: Callable[..., FlaskClient], role: str | None
) -> None:
    browser = login(role)
    wrong = []
    for rule in rules(app):
        permission = permission_of(app, rule.endpoint) or ""
        if permission == PUBLIC:
            continue
        tenant = "acme" if "tenant" in rule.arguments else None
        expected = allowed(role, permission, tenant) or permission.startswith("self.")
        # what may be written is tried by other tests; here only that the rest is refused
        methods = {"GET", "POST"} if not expected else {"GET"}
        for method in sorted((rule.methods or set()) & methods):
            answer = browser.open(address(app, rule), method=method)
            if is_refused(answer) == expected or answer.status_code in {500, 501}:
                wrong.append((method, rule.rule, permission, answer.status_code))
    assert wrong == []


def test_a_person_of_one_tenant_finds_no_page_of_another(
    app: Flask, login: Callable[..., FlaskClient]
) -> None:
    browser = login("staff", tenant="acme")
    for rule in rules(app):
        permission = permission_of(app, rule.endpoint) or ""
        if "tenant" in rule.arguments and not permission.startswith("self."):
            url = address(app, rule).replace("/t/acme/", "/t/globex/")
            for method in sorted((rule.methods or set()) & {"GET", "POST"}):
                assert browser.open(url, method=method).status_code == 404, (method, url)
