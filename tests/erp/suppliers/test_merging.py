"""Merging moves all that refers to a supplier, names what cannot move, and can be undone to the letter."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from dashboard.changes import service as changes
from dashboard.collaboration.models import Comment
from dashboard.core.db import TenantModel
from dashboard.erp.models import Quote, Rfq, RfqInvitation, Supplier, SupplierContact
from dashboard.erp.suppliers import merging
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests import factories

ASK = "/t/acme/records/supplier/merge"


class Case:
    """Two suppliers of one organization with rows of every kind, some of them in conflict."""

    def __init__(self, session: Session) -> None:
        self.survivor = factories.SupplierFactory(name="Alpen Steel", code="A1", phone=None)
        org = self.survivor.organization
        self.loser = factories.SupplierFactory(
            name="Alpen Steel AG", code="A2", phone="+49 1", organization=org
        )
        both = (self.survivor, self.loser)
        for supplier in both:
            factories.SupplierContactFactory(supplier=supplier, is_primary=True)
        self.shared, self.quoted, self.own = (
            factories.RfqFactory(title=title, organization=org)
            for title in ("Both invited", "Both quoted", "Only the loser")
        )
        for rfq, invited in ((self.shared, both), (self.quoted, both), (self.own, (self.loser,))):
            for supplier in invited:
                factories.RfqInvitationFactory(rfq=rfq, supplier=supplier)
        for supplier, rfq in (
            (self.survivor, self.quoted),
            (self.loser, self.quoted),
            (self.loser, self.own),
        ):
            factories.QuoteFactory(supplier=supplier, rfq=rfq, organization=org)
        factories.MessageFactory(supplier=self.loser, organization=org, body="Hello")
        factories.PurchaseOrderFactory(supplier=self.loser, organization=org)
        session.add(Comment(entity="supplier", record_id=self.loser.id, body="Nice people"))
        session.commit()
        for row in (*both, self.shared, self.quoted, self.own):
            session.refresh(row)
            session.expunge(row)


@pytest.fixture
def case(app: Flask, acme: TenantRef) -> Case:
    """The two suppliers."""
    with use_tenant(acme, actor="maker@example.com") as session:
        return Case(session)


def everything(acme: TenantRef) -> dict[str, list[Any]]:
    """All rows of all tables that merging may touch, but for what each change rightly moves on."""
    kept: dict[str, list[Any]] = {}
    with use_tenant(acme, actor="reader@example.com") as session:
        for name in {link.table.name for link in merging.links()} | {"supplier"}:
            table = TenantModel.metadata.tables[name]
            columns = [
                each for each in table.columns if each.key not in {"version", "updated_at", "updated_by"}
            ]
            query = sa.select(*columns).order_by(table.c.id)
            if name == "comment":
                query = query.where(table.c.deleted_at.is_(None))
            kept[name] = [tuple(row) for row in session.execute(query)]
    return kept


def versions(session: Session, *ids: int) -> dict[int, int]:
    """The versions a person would have looked at."""
    return {each: session.get_one(Supplier, each).version for each in ids}


def do_merge(acme: TenantRef, case: Case, chosen: dict[str, int] | None = None) -> int:
    """Merge the two and commit; returns the change set."""
    with use_tenant(acme, actor="merger@example.com") as session:
        seen = versions(session, case.survivor.id, case.loser.id)
        change, _ = merging.merge(session, case.survivor.id, case.loser.id, chosen or {}, seen)
        number = change.id
        session.commit()
    return number


def test_every_table_with_a_key_to_suppliers_is_known() -> None:
    found = {(link.table.name, link.column.key) for link in merging.links()}
    expected = {
        (table.name, column.key)
        for table in TenantModel.metadata.tables.values()
        for column in table.columns
        if column.key == "supplier_id" and table.name != "supplier_pair"
    }
    assert expected <= found
    assert {("comment", "record_id"), ("attachment", "record_id"), ("activity", "record_id")} <= found


def test_the_page_says_what_moves_and_what_cannot(staff: FlaskClient, case: Case) -> None:
    address = f"{ASK}?keep={case.survivor.id}&other={case.loser.id}"
    text = staff.get(address).get_data(as_text=True)
    assert "Both invited" in text
    assert "Both quoted" in text
    assert "will no longer be the first to call" in text
    assert "Messages: 1 will belong to Alpen Steel" in text
    assert f'name="version-{case.loser.id}"' in text


def test_merging_moves_all_rows_and_names_the_conflicts(acme: TenantRef, case: Case) -> None:
    do_merge(acme, case, {"phone": case.loser.id, "code": case.loser.id})
    with use_tenant(acme, actor="reader@example.com") as session:
        survivor, loser = (session.get_one(Supplier, row.id) for row in (case.survivor, case.loser))
        assert (survivor.phone, survivor.code, survivor.name) == ("+49 1", "A2", "Alpen Steel")
        assert loser.deleted_at is not None
        invited = session.scalars(
            sa.select(Rfq.title)
            .join(RfqInvitation)
            .where(RfqInvitation.supplier_id == survivor.id)
            .order_by(Rfq.id)
        ).all()
        assert invited == ["Both invited", "Both quoted", "Only the loser"]
        left = session.scalars(
            sa.select(RfqInvitation.rfq_id).where(RfqInvitation.supplier_id == loser.id)
        ).all()
        assert left == [case.quoted.id]  # its quote stays as well, and belongs to it
        assert session.scalars(sa.select(Quote.rfq_id).where(Quote.supplier_id == loser.id)).all() == [
            case.quoted.id
        ]
        first = sa.select(SupplierContact.is_primary).where(SupplierContact.supplier_id == survivor.id)
        assert sorted(session.scalars(first)) == [False, True]


def test_undoing_a_merge_restores_everything(acme: TenantRef, case: Case) -> None:
    before = everything(acme)
    number = do_merge(acme, case, {"phone": case.loser.id, "code": case.loser.id})
    assert everything(acme) != before
    with use_tenant(acme, actor="undoer@example.com") as session:
        result = changes.undo(session, number, actor="undoer@example.com")
        assert result.skipped == []
        session.commit()
    after = everything(acme)
    assert {name: rows for name, rows in after.items() if rows != before[name]} == {}


def test_merging_from_the_page(staff: FlaskClient, case: Case, stored: Callable[..., Any]) -> None:
    form = {
        "keep": case.survivor.id,
        "other": case.loser.id,
        f"version-{case.survivor.id}": case.survivor.version,
        f"version-{case.loser.id}": case.loser.version,
        "name": case.loser.id,
    }
    answer = staff.post(ASK, data=form, follow_redirects=True)
    assert answer.status_code == 200
    assert "was merged into this supplier" in answer.get_data(as_text=True)
    assert stored(Supplier, case.survivor.id).name == "Alpen Steel AG"
    assert staff.post(ASK, data=form).status_code == 404  # the other is gone


def test_a_supplier_changed_meanwhile_is_not_merged(staff: FlaskClient, case: Case) -> None:
    form = {"keep": case.survivor.id, "other": case.loser.id, f"version-{case.survivor.id}": 1}
    answer = staff.post(ASK, data=form)
    assert answer.status_code == 409
    assert "was changed since you looked at it" in answer.get_data(as_text=True)


def test_suppliers_of_two_organizations_are_refused(staff: FlaskClient, make: Callable[..., Any]) -> None:
    one, two = make("supplier", name="One"), make("supplier", name="Two")
    form = {"keep": one.id, "other": two.id, f"version-{one.id}": 1, f"version-{two.id}": 1}
    answer = staff.post(ASK, data=form)
    assert answer.status_code == 422
    assert "different organizations" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "query", ["keep=1", "keep=1&other=1", "keep=x&other=2", "keep=-1&other=99999999999999999999"]
)
def test_nonsense_is_refused_and_said(staff: FlaskClient, query: str) -> None:
    assert staff.get(f"{ASK}?{query}").status_code in {404, 422}


def test_the_bare_address_leads_to_the_pairs(staff: FlaskClient) -> None:
    answer = staff.get(ASK)
    assert answer.status_code == 302
    assert answer.location.endswith("/supplier/duplicates")


def test_a_manager_may_not_merge(login: Callable[..., FlaskClient], case: Case) -> None:
    manager = login("manager", tenant="acme")
    assert manager.get(f"{ASK}?keep={case.survivor.id}&other={case.loser.id}").status_code == 403
