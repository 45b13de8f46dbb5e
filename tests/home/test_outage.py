"""With the ERP, the broker and the cache away people log in and every Database page answers (RUN-9)."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.app import create_app
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.web import permission_of
from dashboard.servers import free_port
from dashboard.users.service import create_operator
from tests.conftest import PASSWORD


@pytest.fixture(scope="module")
def stranded(app: Flask, settings: Settings) -> Flask:
    """The product with nothing left but its control database."""
    nowhere = f"127.0.0.1:{free_port()}"
    erp = f"postgresql+psycopg2://nobody:x@{nowhere}/erp"
    update = {
        "database_url": erp,
        "database_direct_url": erp,
        "database_monitor_url": erp,
        "broker_url": f"redis://{nowhere}/0",
        "cache_url": f"redis://{nowhere}/1",
    }
    other = create_app(settings.model_copy(update=update))
    other.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=False, WTF_CSRF_ENABLED=False)
    return other


@pytest.fixture
def admin(stranded: Flask) -> FlaskClient:
    """An administrator who logs in during the outage."""
    create_operator("outage@example.com", "Night Watch", PASSWORD, [("admin", None)])
    db.session.commit()
    browser = stranded.test_client()
    answer = browser.post("/login", data={"email": "outage@example.com", "password": PASSWORD})
    assert answer.status_code == 302
    return browser


def test_home_shows_the_desks_that_need_no_erp(admin: FlaskClient) -> None:
    answer = admin.get("/", follow_redirects=True)
    assert answer.status_code == 200
    assert "ERP primary" in answer.get_data(as_text=True)


def test_every_database_page_answers(stranded: Flask, admin: FlaskClient) -> None:
    wrong = {}
    for rule in stranded.url_map.iter_rules():
        permission = permission_of(stranded, rule.endpoint) or ""
        is_page = "GET" in (rule.methods or set()) and not rule.arguments
        if is_page and permission.startswith(("database.", "admin.")):
            # a question about nothing leads to the page where one chooses
            status = admin.get(rule.rule, follow_redirects=True).status_code
            if status != 200:
                wrong[rule.rule] = status
    assert wrong == {}


def test_pages_of_a_tenant_say_that_its_database_is_away(admin: FlaskClient) -> None:
    answer = admin.get("/t/acme/records/supplier/")
    assert answer.status_code == 503
    assert "does not answer" in answer.get_data(as_text=True)


def test_readiness_names_what_is_away(stranded: Flask) -> None:
    answer = stranded.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json
    assert {"primary", "broker", "cache", "migrations", "worker"} <= set(answer.json["failing"])
    assert "control database" not in answer.json["failing"]
