"""Every error is a page (or JSON) that says what happened and what to do; never a stack trace."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from dashboard.core import errors
from dashboard.core.web import public

KINDS = {
    "invalid": (errors.InvalidInputError("The name is empty.", fix="Give a name."), 422),
    "conflict": (errors.ConflictError("It is taken."), 409),
    "missing": (errors.NotFoundError("There is no such thing."), 404),
    "forbidden": (errors.ForbiddenError("You may not."), 403),
    "away": (errors.UnavailableError("broker", "The broker is away."), 503),
    "database": (OperationalError("SELECT 1", {}, Exception("secret-host refused")), 503),
    "bug": (ZeroDivisionError("secret detail"), 500),
}


@pytest.fixture
def failing(app: Flask) -> FlaskClient:
    """A client of the app with a page that fails in each way."""

    @public
    def fail(kind: str) -> str:
        raise KINDS[kind][0]

    if "fail" not in app.view_functions:
        app._got_first_request = False  # the app is shared by all tests and has served some
        app.add_url_rule("/fail/<kind>", "fail", fail)
    return app.test_client()


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_a_page_with_its_status(failing: FlaskClient, kind: str) -> None:
    answer = failing.get(f"/fail/{kind}")
    text = answer.get_data(as_text=True)
    assert answer.status_code == KINDS[kind][1]
    assert "Traceback" not in text
    assert "secret" not in text


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_json_for_programs(failing: FlaskClient, kind: str) -> None:
    answer = failing.get(f"/fail/{kind}", headers={"Accept": "application/json"})
    assert answer.status_code == KINDS[kind][1]
    assert answer.json
    assert set(answer.json) == {"error", "fix", "request_id"}


def test_an_unknown_address_is_a_page(client: FlaskClient, login: Callable[..., FlaskClient]) -> None:
    assert client.get("/nowhere").status_code == 404
    assert login().get("/nowhere").status_code == 404
