"""Imports a file of the legacy sourcing agent into one organization, all of it or nothing."""

from collections import Counter
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.erp import models
from dashboard.erp.legacy import storing
from dashboard.erp.legacy.reading import ENTITIES, LegacyFileError, RawData, read
from dashboard.erp.legacy.report import Report
from dashboard.erp.legacy.selecting import Judge, Selection, Values
from dashboard.erp.legacy.storing import Ids
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant

DEFAULT_CURRENCY = "EUR"


def import_legacy(
    path: Path,
    tenant: TenantRef,
    organization: str = "",
    *,
    dry_run: bool = False,
    actor: str = "command line",
) -> Report:
    """Import a file into a tenant in one transaction; a dry run does the same and takes it back.

    `organization` is the name of the one that will own everything; made when it is missing, named as the
    tenant when left out. Rows loaded before are left alone. Raises InvalidInputError for a file that cannot
    be read, ConflictError when the database refuses or counts otherwise (nothing is loaded then).
    """
    with use_tenant(tenant, actor=actor) as session:
        report = load(session, path, organization or tenant.name, dry_run=dry_run)
        session.commit()
    return report


def load(session: Session, path: Path, organization: str, *, dry_run: bool) -> Report:
    """Import inside the caller's transaction, behind a savepoint that a dry run goes back to."""
    name = " ".join(organization.split())
    if not 0 < len(name) <= 120:
        message = "1 to 120 characters"
        raise InvalidInputError(f"The organization's name needs {message}.", fields={"organization": message})
    try:
        data = read(path)
    except LegacyFileError as error:
        raise InvalidInputError(str(error), fields={"file": str(error)}) from error
    savepoint = session.begin_nested()
    try:
        report = _load(session, data, name, dry_run=dry_run)
    except IntegrityError as error:
        savepoint.rollback()
        constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", "")
        raise ConflictError(
            f"The database refused a row ({constraint}); nothing was loaded.",
            fix="Look for a record that already uses the same values in this organization.",
        ) from error
    except BaseException:
        savepoint.rollback()
        raise
    if dry_run:
        savepoint.rollback()
    else:
        savepoint.commit()
    return report


def _load(session: Session, data: RawData, name: str, *, dry_run: bool) -> Report:
    report = Report(name, data.format, dry_run, ignored=dict(data.ignored))
    org_id, base = _organization(session, name, data)
    there = {entity: storing.stored_ids(session, org_id, entity) for entity in ENTITIES}
    chosen = Selection(data, report, there)
    suppliers = there["supplier"] | storing.suppliers(session, org_id, chosen.select("supplier"))
    rfqs = there["rfq"] | storing.rfqs(session, org_id, chosen.select("rfq"), base)
    quotes = chosen.select(
        "quote", _quote_judge(chosen, storing.taken_pairs(session, org_id), rfqs, suppliers)
    )
    storing.quotes(session, org_id, quotes, rfqs, suppliers)
    storing.messages(session, org_id, chosen.select("message", _message_judge(chosen)), rfqs, suppliers)
    storing.kpis(session, org_id, chosen.select("kpi", _kpi_judge(storing.taken_kpis(session, org_id))))
    _reconcile(session, org_id, report)
    return report


def _quote_judge(chosen: Selection, taken: set[tuple[int, int]], rfqs: Ids, suppliers: Ids) -> Judge:
    """Refuse quotes without their RFQ or supplier, and a second one of the same pair."""

    def judge(row: Values) -> str:
        lost = [chosen.missing("rfq", row["rfq"]), chosen.missing("supplier", row["supplier"])]
        if any(lost):
            return "; ".join(filter(None, lost))
        pair = rfqs[row["rfq"]], suppliers[row["supplier"]]
        if pair in taken:
            return f"RFQ {row['rfq']} has a quote of supplier {row['supplier']} already"
        taken.add(pair)
        return ""

    return judge


def _message_judge(chosen: Selection) -> Judge:
    """Refuse messages without their supplier or the RFQ they name."""

    def judge(row: Values) -> str:
        lost = [chosen.missing("supplier", row["supplier"])]
        lost += [chosen.missing("rfq", row["rfq"])] if row["rfq"] else []
        return "; ".join(filter(None, lost))

    return judge


def _kpi_judge(taken: set[tuple[str, str]]) -> Judge:
    """Refuse a second value of a KPI for the same month."""

    def judge(row: Values) -> str:
        if (row["code"], row["period"]) in taken:
            return f"{row['name']} has a value for {row['period']} already"
        taken.add((row["code"], row["period"]))
        return ""

    return judge


def _reconcile(session: Session, org_id: int, report: Report) -> None:
    """Count in the database what the file says is there. Raises ConflictError when the two differ."""
    for entity, count in report.counts.items():
        count.loaded = count.read - count.already - count.refused
        count.stored = storing.count_stored(session, org_id, entity)
        if count.stored - count.before != count.loaded:
            raise ConflictError(
                f"The file gives {count.loaded} rows of {entity}, the database counts"
                f" {count.stored - count.before}; nothing was loaded."
            )


def _organization(session: Session, name: str, data: RawData) -> tuple[int, str]:
    """Return id and base currency of the organization; a new one gets the currency most quotes have."""
    organization = models.Organization
    query = select(organization).where(
        func.lower(organization.name) == name.lower(), organization.deleted_at.is_(None)
    )
    found = session.scalar(query)
    if found is None:
        codes = Counter(str(row.fields.get("currency")) for row in data.rows["quote"])
        common = codes.most_common(1)[0][0] if codes else DEFAULT_CURRENCY
        is_code = len(common) == 3 and common.isascii() and common.isupper()
        found = organization(name=name, base_currency=common if is_code else DEFAULT_CURRENCY)
        session.add(found)
        session.flush()
    return found.id, found.base_currency
