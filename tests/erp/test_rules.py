"""The database keeps its rules, whoever writes."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from dashboard.core.db import TenantModel
from dashboard.erp import models
from tests import factories as make


def constraint_of(session: Session, *records: object) -> str:
    """Name of the constraint that refuses the pending records."""
    try:
        with session.begin_nested():
            session.add_all(records)
            session.flush()
    except DBAPIError as error:
        return str(error.orig.diag.constraint_name)  # type: ignore[union-attr]
    return "accepted"


ALL = {name: maker for name, maker in vars(make).items() if name.endswith("Factory") and name[0] != "_"}
ALL.pop("SQLAlchemyModelFactory")
ALL.pop("SubFactory")


@pytest.mark.parametrize("name", ALL)
def test_each_record_is_made_read_back_and_named_for_people(tenant: Session, name: str) -> None:
    record = ALL[name]()
    tenant.flush()
    tenant.expire_all()
    found: Any = tenant.get(type(record), record.id)
    assert str(found).strip()
    assert found.created_by == "tester@example.com"


def test_every_constraint_and_index_has_a_name_that_postgresql_keeps() -> None:
    for table in TenantModel.metadata.tables.values():
        items: list[Any] = [*table.constraints, *table.indexes]
        names = [str(item.name) for item in items]
        assert all(0 < len(name) <= 63 and name != "None" for name in names), names


def test_a_stale_save_is_noticed(tenant: Session) -> None:
    supplier = make.SupplierFactory()
    tenant.execute(text("UPDATE supplier SET version = version + 1"))
    supplier.name = "Other"
    with pytest.raises(StaleDataError):
        tenant.flush()


def test_an_update_says_who_and_when(tenant: Session) -> None:
    supplier = make.SupplierFactory()
    before = supplier.updated_at
    supplier.name = "Other"
    tenant.flush()
    tenant.refresh(supplier)
    assert (supplier.version, supplier.updated_by) == (2, "tester@example.com")
    assert supplier.updated_at > before


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("name", "  ", "ck_supplier_name_not_blank"),
        ("reliability", Decimal(140), "ck_supplier_reliability_range"),
        ("email", "x", "ck_supplier_email_shape"),
        ("country", "Germany", "ck_supplier_country_iso"),
        ("status", "unheard of", "ck_supplier_status_known"),
        ("capabilities", ["a", "list"], "ck_supplier_capabilities_object"),
        ("lead_time_days", -1, "ck_supplier_lead_time_days_not_negative"),
        ("category_id", 999_999, "fk_supplier_org_id_category_id_product_category"),
    ],
)
def test_a_wrong_supplier_is_refused_by_a_named_constraint(
    tenant: Session, field: str, value: object, name: str
) -> None:
    organization = make.OrganizationFactory()
    supplier = models.Supplier(**{"organization": organization, "name": "Good", field: value})
    assert constraint_of(tenant, supplier) == name


def test_one_live_quote_per_request_and_supplier(tenant: Session) -> None:
    quote = make.QuoteFactory()
    twin = {"organization": quote.organization, "rfq": quote.rfq, "supplier": quote.supplier}
    assert constraint_of(tenant, models.Quote(**twin)) == "uq_quote_rfq_id_supplier_id"
    tenant.execute(update(models.Quote).values(deleted_at=text("now()")))
    tenant.add(models.Quote(**twin))
    tenant.flush()


def test_records_of_two_organizations_cannot_refer_to_each_other(tenant: Session) -> None:
    rfq, foreign = make.RfqFactory(), make.SupplierFactory()
    quote = models.Quote(organization=rfq.organization, rfq=rfq, supplier=foreign)
    assert constraint_of(tenant, quote) == "fk_quote_org_id_supplier_id_supplier"


def test_lines_take_the_organization_of_their_document(tenant: Session) -> None:
    line = make.QuoteLineFactory()
    assert line.org_id == line.quote.org_id == line.rfq_line.org_id


def test_a_path_follows_its_ancestors(tenant: Session) -> None:
    top = make.ProductCategoryFactory(name="Metals")
    mid = make.ProductCategoryFactory(name="Steel", parent=top, organization=top.organization)
    low = make.ProductCategoryFactory(name="Bolts", parent=mid, organization=top.organization)
    assert low.path == "Metals / Steel / Bolts"
    top.name = "Metal"
    tenant.flush()
    tenant.expire_all()
    assert low.path == "Metal / Steel / Bolts"


def test_a_category_cannot_be_below_itself(tenant: Session) -> None:
    top = make.ProductCategoryFactory()
    low = make.ProductCategoryFactory(parent=top, organization=top.organization)
    top.parent = low
    assert constraint_of(tenant) == "ck_product_category_parent_id_no_circle"


def test_numbers_are_given_on_leaving_draft_without_gaps(tenant: Session) -> None:
    organization = make.OrganizationFactory()
    drafts = [make.RfqFactory(organization=organization) for _ in range(3)]
    assert [draft.number for draft in drafts] == [None] * 3
    with tenant.begin_nested() as undone:
        drafts[0].status = "sent"
        tenant.flush()
        undone.rollback()
    for draft in drafts:
        draft.status = "sent"
        tenant.flush()
    assert [str(draft.number)[-5:] for draft in drafts] == ["00001", "00002", "00003"]
    assert all(str(draft.number).startswith("RFQ-2") and draft.sent_at for draft in drafts)


def test_each_organization_and_kind_counts_for_itself(tenant: Session) -> None:
    first, second = make.RfqFactory(status="sent"), make.RfqFactory(status="awarded")
    order = make.PurchaseOrderFactory(organization=first.organization, status="sent")
    sale = make.SalesOrderFactory(status="confirmed")
    assert {str(each.number)[-5:] for each in (first, second, order, sale)} == {"00001"}
    assert second.awarded_at is None  # nobody saw when
    tenant.refresh(order)
    assert order.ordered_on
    assert str(order).startswith("PO-")


def test_an_award_says_when(tenant: Session) -> None:
    rfq = make.RfqFactory(status="sent")
    rfq.status = "awarded"
    tenant.flush()
    tenant.refresh(rfq)
    assert rfq.awarded_at
    assert rfq.sent_at
    assert rfq.awarded_at >= rfq.sent_at


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("UPDATE rfq SET number = 'RFQ-1'", "ck_rfq_number_kept"),
        ("UPDATE rfq SET number = NULL", "ck_rfq_number_kept"),
        ("UPDATE rfq SET deleted_at = now()", "ck_rfq_deleted_at_unnumbered"),
        ("DELETE FROM rfq", "ck_rfq_number_kept"),
    ],
)
def test_a_numbered_document_is_neither_removed_nor_renumbered(
    tenant: Session, statement: str, name: str
) -> None:
    make.RfqFactory(status="sent")
    with pytest.raises(IntegrityError) as caught, tenant.begin_nested():
        tenant.execute(text(statement))
    assert caught.value.orig.diag.constraint_name == name  # type: ignore[union-attr]


def test_a_draft_may_be_removed(tenant: Session) -> None:
    tenant.delete(make.RfqFactory())
    tenant.flush()
    assert tenant.scalars(select(models.Rfq)).all() == []


def test_totals_follow_their_lines_rounded_to_the_currency(tenant: Session) -> None:
    make.CurrencyFactory(code="JPY", name="Yen", decimals=0)
    quote = make.QuoteFactory(currency="JPY")
    lines = [make.QuoteLineFactory(quote=quote, quantity=3, unit_price=Decimal("33.5")) for _ in range(2)]
    tenant.refresh(quote)
    assert quote.total == 202  # 100.5 is rounded to 101 in each line
    lines[0].no_bid = True
    tenant.flush()
    tenant.refresh(quote)
    assert quote.total == 101
    for line in lines:
        tenant.delete(line)
    tenant.flush()
    tenant.refresh(quote)
    assert quote.total == 0


def test_a_discount_lowers_the_amount_of_a_sale(tenant: Session) -> None:
    line = make.SalesOrderLineFactory(discount_percent=Decimal(10))
    tenant.refresh(line.order)
    assert line.order.total == 27


def test_moves_add_up_to_balances_at_moving_average_cost(tenant: Session) -> None:
    first = make.StockMoveFactory(quantity=10, unit_cost=2)
    place = {
        "organization": first.organization,
        "product": first.product,
        "warehouse": first.warehouse,
    }
    make.StockMoveFactory(quantity=10, unit_cost=4, **place)
    make.StockMoveFactory(quantity=-5, unit_cost=0, **place)
    balance = tenant.scalars(select(models.StockBalance)).one()
    assert (balance.quantity, balance.average_cost) == (Decimal(15), Decimal(3))
    assert str(balance)
    too_much = models.StockMove(quantity=-16, unit_cost=0, **place)
    assert constraint_of(tenant, too_much) == "ck_stock_balance_quantity_not_negative"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE stock_move SET quantity = 1",
        "DELETE FROM stock_move",
        "UPDATE stock_balance SET quantity = 1",
        "DELETE FROM stock_balance",
    ],
)
def test_moves_and_balances_cannot_be_rewritten(tenant: Session, statement: str) -> None:
    make.StockMoveFactory()
    with pytest.raises(DBAPIError), tenant.begin_nested():
        tenant.execute(text(statement))


def test_a_time_zone_must_exist(tenant: Session) -> None:
    wrong = models.Organization(name="Lost", time_zone="Mars/Olympus")
    assert constraint_of(tenant, wrong) == "ck_organization_time_zone_known"


def test_changes_are_recorded_with_their_actor(tenant: Session) -> None:
    supplier = make.SupplierFactory()
    supplier.name = "Renamed"
    tenant.flush()
    rows = tenant.execute(
        text(
            "SELECT operation, new ->> 'name', actor FROM row_history"
            " WHERE table_name = 'supplier' AND record_id = :id ORDER BY id"
        ),
        {"id": supplier.id},
    ).all()
    assert rows[-1] == ("U", "Renamed", "tester@example.com")
    assert [row[0] for row in rows] == ["I", "U"]
