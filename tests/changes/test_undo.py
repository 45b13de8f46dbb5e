"""Undo of a change set: what it takes back, what it leaves alone, and undoing the undoing."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from dashboard.changes import queries, service
from dashboard.changes.models import ChangeKind, ChangeSet
from dashboard.core.db import db
from dashboard.core.errors import ConflictError
from dashboard.erp import models
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests.factories import (
    CustomerFactory,
    OrganizationFactory,
    ProductCategoryFactory,
    SupplierFactory,
)

Login = Callable[..., FlaskClient]
ACTOR = "tester@example.com"


@pytest.fixture
def org(tenant: Session) -> models.Organization:
    """An organization that was there before the change."""
    made = OrganizationFactory()
    tenant.commit()
    return made


def other_request(session: Session) -> None:
    """End the transaction's change set, as a commit does outside tests."""
    session.flush()
    session.connection().exec_driver_sql("SET LOCAL steward.request_id = 'somebody else'")
    session.expire_all()


def suppliers(session: Session, *names: str, org: models.Organization) -> list[models.Supplier]:
    made = [SupplierFactory(name=name, organization=org) for name in names]
    session.flush()
    return made


def changed(session: Session, statement: sa.Executable, kind: ChangeKind = ChangeKind.BULK) -> ChangeSet:
    """Do one statement as a change set."""
    change = service.begin(session, kind, "supplier", "A change")
    session.execute(statement)
    service.finish(session, change, 1)
    other_request(session)
    return change


def values(session: Session, column: Any) -> list[object]:
    session.expire_all()
    return list(session.scalars(sa.select(column).order_by(models.Supplier.id)))


def test_changed_values_come_back_and_go_again(tenant: Session, org: models.Organization) -> None:
    suppliers(tenant, "A", "B", org=org)
    change = changed(tenant, sa.update(models.Supplier).values(region="Nordic"))
    undone = service.undo(tenant, change.id, actor=ACTOR)
    assert (undone.restored, undone.skipped) == (2, [])
    assert values(tenant, models.Supplier.region) == [None, None]
    other_request(tenant)
    assert undone.change_set is not None
    redone = service.undo(tenant, undone.change_set.id, actor=ACTOR)
    assert redone.restored == 2
    assert values(tenant, models.Supplier.region) == ["Nordic", "Nordic"]
    other_request(tenant)
    tenant.refresh(change)
    assert change.undone_at is None
    assert service.undo(tenant, change.id, actor=ACTOR).restored == 2
    assert values(tenant, models.Supplier.region) == [None, None]


def test_a_row_changed_since_stays_and_is_named(tenant: Session, org: models.Organization) -> None:
    first, second = suppliers(tenant, "A", "B", org=org)
    change = changed(tenant, sa.update(models.Supplier).values(region="Nordic"))
    tenant.execute(sa.update(models.Supplier).where(models.Supplier.id == first.id).values(region="Iberia"))
    undone = service.undo(tenant, change.id, actor=ACTOR)
    assert undone.skipped == [("supplier", first.id, "changed since")]
    assert values(tenant, models.Supplier.region) == ["Iberia", None]
    assert second.id != first.id


def test_another_field_changed_since_is_kept(tenant: Session, org: models.Organization) -> None:
    suppliers(tenant, "A", org=org)
    change = changed(tenant, sa.update(models.Supplier).values(region="Nordic"))
    tenant.execute(sa.update(models.Supplier).values(phone="+49 30 1"))
    assert service.undo(tenant, change.id, actor=ACTOR).restored == 1
    assert values(tenant, models.Supplier.region) == [None]
    assert values(tenant, models.Supplier.phone) == ["+49 30 1"]


def test_a_document_that_grew_since_counts_as_changed(tenant: Session, org: models.Organization) -> None:
    (made,) = suppliers(tenant, "A", org=org)
    change = changed(tenant, sa.update(models.Supplier).values(custom_fields={"a": {"b": 1}}))
    tenant.execute(sa.update(models.Supplier).values(custom_fields={"a": {"b": 1, "c": 2}}))
    assert service.undo(tenant, change.id, actor=ACTOR).skipped == [("supplier", made.id, "changed since")]


def test_inserted_rows_go_to_the_deleted_ones_and_come_back(
    tenant: Session, org: models.Organization
) -> None:
    change = service.begin(tenant, ChangeKind.IMPORT, "supplier", "An import")
    (made,) = suppliers(tenant, "A", org=org)
    contact = models.SupplierContact(org_id=org.id, supplier_id=made.id, name="Ann")
    tenant.add(contact)
    service.finish(tenant, change, 2)
    other_request(tenant)
    contact_id = contact.id
    undone = service.undo(tenant, change.id, actor=ACTOR)
    assert (undone.restored, undone.skipped) == (2, [])
    assert tenant.get(models.SupplierContact, contact_id) is None
    assert [at is None for at in values(tenant, models.Supplier.deleted_at)] == [False]
    other_request(tenant)
    assert undone.change_set is not None
    assert service.undo(tenant, undone.change_set.id, actor=ACTOR).restored == 2
    assert values(tenant, models.Supplier.deleted_at) == [None]
    assert tenant.get_one(models.SupplierContact, contact_id).name == "Ann"


def test_a_row_others_use_by_now_stays(tenant: Session, org: models.Organization) -> None:
    change = service.begin(tenant, ChangeKind.IMPORT, "product_category", "Categories")
    used, free = (ProductCategoryFactory(organization=org) for _ in range(2))
    service.finish(tenant, change, 2)
    other_request(tenant)
    SupplierFactory(organization=org, category_id=used.id)
    other_request(tenant)
    (step,) = queries.outlooks(tenant, change.key)
    assert (step.done, step.skipped_count) == (1, 1)
    undone = service.undo(tenant, change.id, actor=ACTOR)
    assert undone.skipped == [("product_category", used.id, "used since by supplier records")]
    tenant.refresh(free)
    assert free.deleted_at is not None


def test_an_order_with_lines_goes_and_comes_back_with_its_total(
    tenant: Session, org: models.Organization
) -> None:
    customer = CustomerFactory(organization=org)
    order = models.SalesOrder(organization=org, customer_id=customer.id)
    tenant.add(order)
    tenant.flush()
    other_request(tenant)
    change = service.begin(tenant, ChangeKind.IMPORT, "sales_order_line", "Lines")
    line = models.SalesOrderLine(
        org_id=org.id, order_id=order.id, description="Tea", quantity=Decimal(2), unit_price=Decimal("4.50")
    )
    tenant.add(line)
    service.finish(tenant, change, 1)
    other_request(tenant)
    undone = service.undo(tenant, change.id, actor=ACTOR)
    assert (undone.restored, undone.skipped) == (1, [])
    tenant.refresh(order)
    assert order.total == 0
    other_request(tenant)
    assert undone.change_set is not None
    redone = service.undo(tenant, undone.change_set.id, actor=ACTOR)
    assert (redone.restored, redone.skipped) == (1, [])
    tenant.refresh(order)
    assert order.total == Decimal("9.00")


def test_a_numbered_document_is_never_removed(tenant: Session, org: models.Organization) -> None:
    customer = CustomerFactory(organization=org)
    other_request(tenant)
    change = service.begin(tenant, ChangeKind.IMPORT, "sales_order", "Orders")
    order = models.SalesOrder(organization=org, customer_id=customer.id, status="confirmed")
    tenant.add(order)
    service.finish(tenant, change, 1)
    other_request(tenant)
    undone = service.undo(tenant, change.id, actor=ACTOR)
    assert (undone.restored, undone.skipped) == (
        0,
        [("sales_order", order.id, "has a number: it is cancelled, never removed")],
    )


def test_a_row_changed_twice_goes_back_to_before_both(tenant: Session, org: models.Organization) -> None:
    suppliers(tenant, "A", org=org)
    other_request(tenant)
    change = service.begin(tenant, ChangeKind.BULK, "supplier", "Two steps")
    tenant.execute(sa.update(models.Supplier).values(region="One"))
    tenant.execute(sa.update(models.Supplier).values(region="Two", phone="1"))
    service.finish(tenant, change, 1)
    other_request(tenant)
    service.undo(tenant, change.id, actor=ACTOR)
    assert values(tenant, models.Supplier.region) == [None]
    assert values(tenant, models.Supplier.phone) == [None]


def test_deleted_rows_return_with_their_ids(tenant: Session, org: models.Organization) -> None:
    (made,) = suppliers(tenant, "A", org=org)
    contact = models.SupplierContact(org_id=org.id, supplier_id=made.id, name="Ann")
    tenant.add(contact)
    tenant.flush()
    other_request(tenant)
    contact_id = contact.id
    change = changed(tenant, sa.delete(models.SupplierContact))
    assert service.undo(tenant, change.id, actor=ACTOR).restored == 1
    assert tenant.get_one(models.SupplierContact, contact_id).name == "Ann"


def test_a_row_the_database_refuses_stays_alone(tenant: Session, org: models.Organization) -> None:
    """The code of a deleted supplier was given to another one meanwhile: only that row stays deleted."""
    first, second = suppliers(tenant, "A", "B", org=org)
    first.code, second.code = "CODE-1", "CODE-2"
    tenant.flush()
    other_request(tenant)
    change = changed(tenant, sa.update(models.Supplier).values(deleted_at=sa.func.now()))
    SupplierFactory(organization=org, code="CODE-1")
    other_request(tenant)
    undone = service.undo(tenant, change.id, actor=ACTOR)
    assert undone.restored == 1
    assert [(table, row) for table, row, _ in undone.skipped] == [("supplier", first.id)]
    tenant.refresh(second)
    assert second.deleted_at is None


def test_nothing_is_undone_twice(tenant: Session, org: models.Organization) -> None:
    suppliers(tenant, "A", org=org)
    change = changed(tenant, sa.update(models.Supplier).values(region="Nordic"))
    service.undo(tenant, change.id, actor=ACTOR)
    with pytest.raises(ConflictError, match="undone already"):
        service.undo(tenant, change.id, actor=ACTOR)


def test_the_pages_say_what_will_happen_and_do_it(login: Login, acme: TenantRef) -> None:
    with use_tenant(acme, actor=ACTOR) as session:
        (made,) = suppliers(session, "Alpha", org=OrganizationFactory())
        other_request(session)
        change = changed(session, sa.update(models.Supplier).values(region="Nordic"))
        session.commit()
        change_id, supplier_id = change.id, made.id
    staff = login("staff", tenant="acme")
    assert "A change" in staff.get("/t/acme/records/changes/").get_data(as_text=True)
    page = staff.get(f"/t/acme/records/changes/{change_id}/undo").get_data(as_text=True)
    assert "Change back 1 supplier." in page
    done = staff.post(f"/t/acme/records/changes/{change_id}/undo")
    assert "1 row was taken back" in done.get_data(as_text=True)
    assert staff.post(f"/t/acme/records/changes/{change_id}/undo").status_code == 409
    with use_tenant(acme, actor=ACTOR):
        assert db.session.get_one(models.Supplier, supplier_id).region is None
    assert "Redo" in staff.get("/t/acme/records/changes/").get_data(as_text=True)


def test_a_manager_sees_changes_and_undoes_none(login: Login) -> None:
    manager = login("manager", tenant="acme")
    assert manager.get("/t/acme/records/changes/").status_code == 200
    assert manager.post("/t/acme/records/changes/1/undo").status_code == 403
