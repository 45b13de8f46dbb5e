"""Reads what waits for a person in a tenant, what failed and what others changed: one bounded query each."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import url_for
from sqlalchemy import ColumnElement, ScalarSelect, case, exists, func, literal, select, text, union_all
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from dashboard.audit.models import RowHistory
from dashboard.changes.models import ChangeSet
from dashboard.collaboration import queries as collaboration
from dashboard.collaboration.models import Notification
from dashboard.core.db import db
from dashboard.core.filters import money
from dashboard.core.web import can
from dashboard.erp.invoicing.models import SupplierInvoice
from dashboard.erp.organizations.models import AppUser
from dashboard.erp.purchasing.models import PurchaseOrder
from dashboard.erp.quotes.models import Quote
from dashboard.erp.sourcing.models import Rfq
from dashboard.erp.suppliers.models import Supplier, SupplierCertificate
from dashboard.imports.models import ImportRun, ImportStatus
from dashboard.records import registry
from dashboard.records.columns import humanize, in_sentence
from dashboard.records.urls import list_url, record_url

SHOWN = 6
CERTIFICATE_AHEAD, CERTIFICATE_BEHIND = timedelta(days=30), timedelta(days=90)
LATELY = timedelta(days=7)
FAILED_LATELY = timedelta(days=14)
MINE = 100
ANSWERS = ("submitted", "shortlisted", "awarded", "rejected")


@dataclass(frozen=True)
class Row:
    """One thing that waits: where it is dealt with, and since or until when. `late` marks what is overdue."""

    title: str
    url: str
    text: str = ""
    moment: datetime | date | None = None
    late: bool = False


@dataclass(frozen=True)
class Section:
    """Rows of one kind, the most urgent first; `more_url` leads to all where there are more."""

    key: str
    title: str
    icon: str
    rows: list[Row]
    more: bool = False
    more_url: str = ""


def read(email: str) -> list[Section]:
    """Every section the person may see that has something in it."""
    found = [source(email) for permission, source in SOURCES if can(permission)]
    return [section for section in found if section.rows]


def _section(key: str, title: str, icon: str, rows: list[Row], more_url: str = "") -> Section:
    return Section(key, title, icon, rows[:SHOWN], len(rows) > SHOWN, more_url)


def _me(email: str) -> ScalarSelect[int]:
    """The person as a record of the tenant."""
    query = select(AppUser.id).where(func.lower(AppUser.email) == email.lower(), AppUser.deleted_at.is_(None))
    return query.limit(1).scalar_subquery()


def _is_mine(email: str) -> ColumnElement[bool]:
    """Requests of this buyer, and those without a buyer that this person entered."""
    return (Rfq.buyer_id == _me(email)) | (Rfq.buyer_id.is_(None) & (Rfq.created_by == email))


def _approvals(email: str) -> Section:
    """Orders above the threshold that somebody else entered."""
    query = (
        select(PurchaseOrder, Supplier.name)
        .join(Supplier, Supplier.id == PurchaseOrder.supplier_id)
        .where(PurchaseOrder.status == "to_approve", PurchaseOrder.deleted_at.is_(None))
        .where(
            func.coalesce(PurchaseOrder.created_by, "") != email,
            func.coalesce(PurchaseOrder.updated_by, "") != email,  # who submitted it
        )
        .order_by(PurchaseOrder.updated_at, PurchaseOrder.id)
        .limit(SHOWN + 1)
    )
    rows = [
        Row(
            f"{order.number or f'Order #{order.id}'} · {supplier}",
            record_url("purchase_order", order.id),
            money(order.total, order.currency),
            order.updated_at,
        )
        for order, supplier in db.session.execute(query)
    ]
    address = list_url("purchase_order", {"status": "to_approve"})
    return _section("approvals", "Orders for you to approve", "checks", rows, address)


def _requests(email: str) -> Section:
    """Open requests of this buyer, the next or longest passed deadline first."""
    answers = (
        select(func.count())
        .where(Quote.rfq_id == Rfq.id, Quote.status.in_(ANSWERS), Quote.deleted_at.is_(None))
        .scalar_subquery()
    )
    query = (
        select(Rfq, answers)
        .where(_is_mine(email), Rfq.status.in_(("sent", "quoted")), Rfq.deleted_at.is_(None))
        .order_by(Rfq.deadline, Rfq.id)
        .limit(SHOWN + 1)
    )
    now = datetime.now(UTC)
    rows = [_request(rfq, count, now) for rfq, count in db.session.execute(query)]
    return _section(
        "requests", "Your requests", "clock", rows, list_url("rfq", {"status": ["sent", "quoted"]})
    )


def _request(rfq: Rfq, answers: int, now: datetime) -> Row:
    over = rfq.deadline is not None and rfq.deadline <= now
    count = f"{answers} quote{'' if answers == 1 else 's'}"
    todo = ("open and compare" if rfq.sealed else "compare") if answers else "nobody quoted"
    words = f"deadline passed, {count}: {todo}" if over else f"{count} so far"
    return Row(str(rfq), record_url("rfq", rfq.id), words, rfq.deadline, late=over)


def _activities(email: str) -> Section:
    today = datetime.now(UTC).date()
    rows = [
        Row(
            each.title,
            record_url(each.entity, each.record_id) if registry.find(each.entity) else "",
            "overdue" if each.due_on and each.due_on < today else "",
            each.due_on,
            late=bool(each.due_on and each.due_on < today),
        )
        for each in collaboration.open_activities(db.session(), email, SHOWN + 1)
    ]
    return _section("activities", "To do", "checklist", rows)


def _notifications(email: str) -> Section:
    query = (
        select(Notification)
        .where(Notification.recipient == email.lower(), Notification.read_at.is_(None))
        .order_by(Notification.id.desc())
        .limit(SHOWN + 1)
    )
    rows = [
        Row(
            each.title,
            record_url(each.entity, each.record_id)
            if each.entity and each.record_id and registry.find(each.entity)
            else "",
            each.body or "",
            each.created_at,
        )
        for each in db.session.scalars(query)
    ]
    return _section("notifications", "Not read yet", "bell", rows)


def _certificates(_email: str) -> Section:
    """Certificates of active suppliers that ended lately or end soon."""
    today = datetime.now(UTC).date()
    query = (
        select(SupplierCertificate, Supplier)
        .join(Supplier, Supplier.id == SupplierCertificate.supplier_id)
        .where(
            SupplierCertificate.expires_on.between(today - CERTIFICATE_BEHIND, today + CERTIFICATE_AHEAD),
            Supplier.status == "active",
            Supplier.deleted_at.is_(None),
        )
        .order_by(SupplierCertificate.expires_on, SupplierCertificate.id)
        .limit(SHOWN + 1)
    )
    rows = []
    for certificate, supplier in db.session.execute(query):
        over = bool(certificate.expires_on and certificate.expires_on < today)
        words = f"{certificate} {'has ended' if over else 'ends soon'}"
        rows.append(
            Row(supplier.name, record_url("supplier", supplier.id), words, certificate.expires_on, over)
        )
    return _section("certificates", "Certificates about to end", "certificate", rows)


def _invoices(_email: str) -> Section:
    query = (
        select(SupplierInvoice, Supplier.name)
        .join(Supplier, Supplier.id == SupplierInvoice.supplier_id)
        .where(SupplierInvoice.status == "mismatched", SupplierInvoice.deleted_at.is_(None))
        .order_by(SupplierInvoice.due_on, SupplierInvoice.id)
        .limit(SHOWN + 1)
    )
    rows = [
        Row(
            f"{invoice.number} · {supplier}",
            record_url("supplier_invoice", invoice.id) if registry.find("supplier_invoice") else "",
            f"does not match its order · {money(invoice.total, invoice.currency)}",
            invoice.due_on or invoice.invoiced_on,
        )
        for invoice, supplier in db.session.execute(query)
    ]
    return _section("invoices", "Invoices that do not match", "file-invoice", rows)


def _imports(email: str) -> Section:
    """Own imports that failed or refused rows."""
    failed: ColumnElement[bool] = (ImportRun.status == ImportStatus.FAILED) | (ImportRun.refused > 0)
    undone = exists().where(ChangeSet.id == ImportRun.change_set_id, ChangeSet.undone_at.is_not(None))
    query = (
        select(ImportRun)
        .where(ImportRun.created_by == email, failed, ~undone)
        .where(ImportRun.created_at > datetime.now(UTC) - FAILED_LATELY)
        .order_by(ImportRun.created_at.desc(), ImportRun.id.desc())
        .limit(SHOWN + 1)
    )
    rows = [
        Row(
            each.file_name,
            url_for("imports.show", run_id=each.id),
            each.error or f"{each.refused:,} rows refused",
            each.created_at,
            late=each.status == ImportStatus.FAILED,
        )
        for each in db.session.scalars(query)
    ]
    return _section("imports", "Imports that need you", "file-alert", rows)


def _changes(email: str) -> Section:
    """The newest change by somebody else to each request, quote and order of this buyer, within LATELY."""
    me = _me(email)
    quotes = select(Quote.id).join(Rfq, Rfq.id == Quote.rfq_id).where(_is_mine(email))
    mine = union_all(
        *(
            select(literal(entity).label("entity"), query.order_by(key.desc()).limit(MINE).subquery().c.id)
            for entity, query, key in (
                ("rfq", select(Rfq.id).where(_is_mine(email)), Rfq.id),
                ("quote", quotes, Quote.id),
                (
                    "purchase_order",
                    select(PurchaseOrder.id).where(PurchaseOrder.buyer_id == me),
                    PurchaseOrder.id,
                ),
            )
        )
    ).subquery()
    newest = (
        select(RowHistory)
        .where(RowHistory.table_name == mine.c.entity, RowHistory.record_id == mine.c.id)
        .order_by(RowHistory.id.desc())
        .limit(1)
        .lateral()
    )
    query = (
        select(
            mine.c.entity,
            mine.c.id,
            _called(mine.c),
            newest.c.at,
            newest.c.actor,
            newest.c.operation,
            newest.c.new,
        )
        .join(newest, text("true"))
        .where(newest.c.at > datetime.now(UTC) - LATELY, func.coalesce(newest.c.actor, "") != email)
        .order_by(newest.c.at.desc())
        .limit(SHOWN + 1)
    )
    rows = [_change(*found) for found in db.session.execute(query)]
    return _section("changes", "Changed by others", "history", rows)


def _called(record: ReadOnlyColumnCollection[str, Any]) -> ColumnElement[str | None]:
    """What people call a request, a quote or an order; empty for an order without a number."""
    request = select(func.concat_ws(" · ", Rfq.number, Rfq.title)).where(Rfq.id == record.id)
    quote = (
        select(func.concat_ws(" · ", "Quote", Supplier.name, func.coalesce(Rfq.number, Rfq.title)))
        .select_from(Quote)
        .join(Supplier, Supplier.id == Quote.supplier_id)
        .join(Rfq, Rfq.id == Quote.rfq_id)
        .where(Quote.id == record.id)
    )
    order = select(PurchaseOrder.number).where(PurchaseOrder.id == record.id)
    return case(
        (record.entity == "rfq", request.scalar_subquery()),
        (record.entity == "quote", quote.scalar_subquery()),
        else_=order.scalar_subquery(),
    )


def _change(
    entity: str,
    record_id: int,
    title: str | None,
    at: datetime,
    actor: str | None,
    operation: str,
    new: dict[str, object] | None,
) -> Row:
    skipped = {"version", "updated_at", "updated_by"}
    fields = ", ".join(in_sentence(humanize(key)) for key in (new or {}) if key not in skipped)
    verb = {"I": "was entered", "D": "was removed"}.get(operation, f"changed: {fields or 'lines'}")
    screen = registry.find(entity)
    name = screen.spec.singular if screen else humanize(entity)
    words = f"{verb} by {actor or 'the system'}"
    return Row(title or f"{name} #{record_id}", record_url(entity, record_id), words, at)


SOURCES: tuple[tuple[str, Callable[[str], Section]], ...] = (
    ("records.purchase_order.edit", _approvals),
    ("records.rfq.edit", _requests),
    ("records.activity.view", _activities),
    ("records.notification.view", _notifications),
    ("records.supplier_invoice.edit", _invoices),
    ("records.supplier.edit", _certificates),
    ("records.import_run.view", _imports),
    ("records.rfq.view", _changes),
)
