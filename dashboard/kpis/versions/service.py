"""Declares versions of definitions and the display currency. The caller commits."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.erp.models import Currency, Organization
from dashboard.kpis.models import KpiSetting, KpiVersion
from dashboard.kpis.registry import Kpi, Parameter
from dashboard.kpis.versions.queries import declared_versions, values_for

ONLY = 1


def declare(
    session: Session, kpi: Kpi, org_id: int | None, written: Mapping[str, str], reason: str
) -> KpiVersion:
    """Add a version with every parameter of a definition, for an organization or for all.

    Raises InvalidInputError by field, ConflictError when nothing would change or somebody was quicker.
    """
    if org_id is not None and session.get(Organization, org_id) is None:
        raise InvalidInputError(
            "There is no such organization.", fields={"org_id": "Choose one of the list."}
        )
    if not reason.strip():
        raise InvalidInputError("The reason is missing.", fields={"reason": "Say why it changes."})
    values = {each.name: read_value(each, written.get(each.name, "")) for each in kpi.parameters}
    declared = declared_versions(session, [kpi.code])
    own = [row for row in declared if row.org_id == org_id]
    if values == values_for(kpi, org_id, declared) and (own or org_id is None):
        raise ConflictError("These are the values that hold already.", fix="Change one of them.")
    row = KpiVersion(
        code=kpi.code,
        org_id=org_id,
        revision=max((one.revision for one in own), default=0) + 1,
        parameters=values,
        reason=reason.strip(),
    )
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise ConflictError(
            "Somebody else has just changed this definition.", fix="Look at it again."
        ) from error
    return row


def read_value(parameter: Parameter, text: str) -> Any:
    """Read what was written for a parameter: one of its choices, or a number within its bounds."""
    text = text.strip()
    if parameter.choices:
        if text not in parameter.choices:
            raise _wrong(parameter, f"Choose one of: {', '.join(parameter.choices)}.")
        return text
    is_whole = isinstance(parameter.default, int)
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise _wrong(parameter, "Enter a number.") from None
    if not number.is_finite() or not parameter.least <= number <= parameter.most:
        raise _wrong(parameter, f"Enter a number from {parameter.least} to {parameter.most}.")
    if is_whole and number != int(number):
        raise _wrong(parameter, "Enter a whole number.")
    return int(number) if is_whole else float(number)


def choose_currency(session: Session, code: str) -> None:
    """Show amounts in a currency of the tenant; '' for the one most organizations have."""
    known = select(func.count()).select_from(Currency).where(Currency.code == code)
    if code and not session.scalar(known):
        raise InvalidInputError("There is no such currency.", fields={"currency": "Choose one of the list."})
    setting = session.get(KpiSetting, ONLY)
    if setting is None:
        setting = KpiSetting(id=ONLY)
        session.add(setting)
    setting.display_currency = code or None
    session.flush()


def _wrong(parameter: Parameter, message: str) -> InvalidInputError:
    return InvalidInputError(f"{parameter.title}: {message}", fields={parameter.name: message})
