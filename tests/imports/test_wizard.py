"""The import wizard from the upload to the undo."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from dashboard.changes import service as changes
from dashboard.erp import models
from dashboard.jobs.run import RunInterruptedError
from dashboard.jobs.runner import perform
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


def test_refused_rows_come_as_a_file_that_can_be_corrected_and_sent_again(wizard: Wizard) -> None:
    wizard.upload("supplier", "name,email\nAlpha,a@example.com\n=Beta,wrong\n")
    wizard.check()
    wizard.load()
    assert (wizard.run().created, wizard.run().refused) == (1, 1)
    answer = wizard.browser.get(f"/t/acme/records/imports/{wizard.id}/refused.csv")
    file = text(answer)
    assert "'=Beta,wrong,E-mail: E-mail does not have the right form." in file
    workbook = wizard.browser.get(f"/t/acme/records/imports/{wizard.id}/refused.xlsx")
    assert workbook.data[:2] == b"PK"
    wizard.upload("supplier", file.replace("wrong", "b@example.com"))
    wizard.check()
    wizard.load()
    assert (wizard.run().created, wizard.run().refused) == (1, 0)
    assert stored(models.Supplier.name) == ["Alpha", "=Beta"]


def test_rows_that_are_here_are_changed_and_shown_old_and_new(wizard: Wizard) -> None:
    wizard.upload("supplier", SUPPLIERS)
    wizard.check()
    wizard.load()
    wizard.upload("supplier", SUPPLIERS.replace("Alpha", "Alpha Works"))
    tried = text(wizard.check(match_on="org_id,external_key"))
    assert "<td>Alpha</td>" in tried
    assert "Alpha Works" in tried
    run = wizard.run()
    assert (run.created, run.changed, run.same) == (0, 1, 1)
    wizard.load()
    assert stored(models.Supplier.name) == ["Alpha Works", "Beta"]
    wizard.undo()
    assert stored(models.Supplier.name) == ["Alpha", "Beta"]


def test_a_key_given_twice_is_refused_in_the_file_and_against_the_list(wizard: Wizard) -> None:
    wizard.upload("supplier", SUPPLIERS)
    wizard.check()
    wizard.load()
    wizard.upload("supplier", "supplier_id,company_name\n1,Again\n7,New\n7,Twice\n")
    tried = text(wizard.check(match_on=""))
    assert "Another supplier already has this external key." in tried
    assert "Row 3 of this file has the same external key." in tried
    assert (wizard.run().created, wizard.run().refused) == (1, 2)


def test_lines_go_into_their_orders_and_prices_round(wizard: Wizard) -> None:
    """A small look-alike of what other systems export: keys, floats and shares."""
    files = {
        "unit": "code,name\npcs,Piece\n",
        "product": "product_id,product_name,unit_price\n11,Tea,9.80000019\n",
        "customer": "customer_id,company_name\nALFKI,Alfreds\n",
        "sales_order": "order_id,customer_id,order_date\n10248,ALFKI,1996-07-04\n",
        "sales_order_line": "order_id,product_id,unit_price,quantity,discount\n"
        "10248,11,9.80000019,10,0.0500000007\n",
    }
    choices = {
        "product": {"default__unit_id": "pcs", "round__2": "2"},
        "sales_order_line": {"round__2": "2", "factor__4": "100", "round__4": "2"},
    }
    for entity, content in files.items():
        wizard.upload(entity, content)
        wizard.check(**choices.get(entity, {}))
        wizard.load()
        assert (wizard.run().created, wizard.run().refused) == (1, 0), entity
    with session_of() as session:
        assert session.scalar(sa.select(models.SalesOrder.total)) == Decimal("93.10")


def test_the_same_headings_are_mapped_as_last_time(wizard: Wizard) -> None:
    wizard.upload("supplier", "alpha,beta\nA,1\n")
    wizard.check(column__0="name", column__1="tax_id")
    wizard.upload("supplier", "alpha,beta\nB,2\n")
    form = wizard.form()
    assert (form["column-0"], form["column-1"]) == ("name", "tax_id")


def test_a_mapping_that_cannot_work_is_kept_and_told(wizard: Wizard) -> None:
    wizard.upload("supplier", "alpha\nA\n")
    answer = wizard.check(column__0="phone")
    assert answer.status_code == 422
    assert "These are needed: Name" in text(answer)
    assert wizard.form()["column-0"] == "phone"


def test_pasted_cells_are_a_file_too(wizard: Wizard) -> None:
    answer = wizard.browser.post(
        "/t/acme/records/imports/new/supplier", data={"text": "name\tregion\nAlpha\tNordic\n"}
    )
    wizard.id = int(answer.headers["Location"].split("/")[-2])
    wizard.check()
    wizard.load()
    assert stored(models.Supplier.region) == ["Nordic"]


def test_prices_of_sealed_requests_never_go_through_a_file(wizard: Wizard) -> None:
    assert wizard.upload("quote_line", "unit_price\n1\n").status_code == 404
    assert wizard.upload("quote", "total\n1\n").status_code == 404


def test_a_manager_imports_nothing(login: Login) -> None:
    manager = login("manager", tenant="acme")
    assert manager.get("/t/acme/records/imports/").status_code == 200
    assert manager.get("/t/acme/records/imports/new/supplier").status_code == 403
    assert "Import</a>" not in text(manager.get("/t/acme/records/supplier/"))


def test_the_list_offers_the_import(wizard: Wizard) -> None:
    page = text(wizard.browser.get("/t/acme/records/supplier/"))
    assert "/t/acme/records/imports/new/supplier" in page
    assert "Nothing was imported yet" in text(wizard.browser.get("/t/acme/records/imports/"))


def test_a_load_cut_off_in_the_middle_leaves_nothing_and_starts_again(
    wizard: Wizard, monkeypatch: pytest.MonkeyPatch
) -> None:
    wizard.upload("supplier", SUPPLIERS)
    wizard.check()

    def die(*_: object) -> None:
        raise RunInterruptedError

    with monkeypatch.context() as patched:
        patched.setattr(changes, "finish", die)
        wizard.load()
    assert stored(models.Supplier.name) == []
    perform(str(wizard.run().run_id))
    assert wizard.run().status == "loaded"
    assert stored(models.Supplier.name) == ["Alpha", "Beta"]
