"""The import wizard from the upload to the undo."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from dashboard.erp import models
from tests.factories import OrganizationFactory
from tests.imports.wizard import Wizard, session_of, text

Login = Callable[..., FlaskClient]
SUPPLIERS = "supplier_id,company_name,email,country\n1,Alpha,a@example.com,Germany\n2,Beta,b@example.com,UK\n"


@pytest.fixture
def wizard(app: Flask, login: Login) -> Wizard:
    """A buyer with one organization."""
    with session_of() as session:
        OrganizationFactory(name="Only Ltd")
        session.commit()
    return Wizard(login("staff", tenant="acme"))


def stored(column: Any) -> list[object]:
    with session_of() as session:
        query = sa.select(column).where(models.Supplier.deleted_at.is_(None)).order_by(models.Supplier.id)
        return list(session.scalars(query))


def test_a_file_is_mapped_by_itself_tried_out_and_loaded(wizard: Wizard) -> None:
    page = text(wizard.upload("supplier", SUPPLIERS))
    assert "company_name" in page
    tried = text(wizard.check())
    assert "Nothing is written yet" in tried
    assert stored(models.Supplier.name) == []
    run = wizard.run()
    assert (run.status, run.total, run.created, run.refused) == ("checked", 2, 2, 0)
    assert "All good rows are in" in text(wizard.load())
    assert stored(models.Supplier.name) == ["Alpha", "Beta"]
    assert stored(models.Supplier.country) == ["DE", "GB"]
    assert stored(models.Supplier.external_key) == ["1", "2"]


def test_an_import_is_undone_as_one_and_comes_back_the_same(wizard: Wizard) -> None:
    wizard.upload("supplier", SUPPLIERS)
    wizard.check(match_on="org_id,external_key")
    wizard.load()
    assert "2 rows were taken back" in text(wizard.undo())
    assert stored(models.Supplier.name) == []
    wizard.upload("supplier", SUPPLIERS)
    assert "brought back" in text(wizard.check())
    wizard.load()
    assert stored(models.Supplier.name) == ["Alpha", "Beta"]
