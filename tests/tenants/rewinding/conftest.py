"""One tenant with a past for the tests of this folder."""

import itertools
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.core.config import Settings
from dashboard.core.db import db
from tests.conftest import Servers
from tests.tenants.rewinding.past import Past, past_of

numbers = itertools.count(1)


@pytest.fixture(scope="package")
def shared_past(app: Flask, servers: Servers, settings: Settings) -> Iterator[Past]:
    """A tenant with demo data in the test database."""
    with app.app_context(), past_of(servers.postgres.url, "erp_test", settings) as past:
        yield past


@pytest.fixture
def dba(login: Callable[..., FlaskClient]) -> FlaskClient:
    """Somebody who may go back in time."""
    return login("dba")


@pytest.fixture
def past(app: Flask, shared_past: Past) -> Iterator[Past]:
    """The tenant, with a number of its own for the names beside it."""
    shared_past.number = next(numbers)
    with app.app_context():
        yield shared_past
        db.session.remove()
