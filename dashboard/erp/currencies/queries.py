"""Owns reading exchange rates: the newest one known on a day, direct, inverse or across another currency."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.erp.currencies.models import Currency, FxRate


@dataclass(frozen=True)
class Conversion:
    """How one currency is turned into another: units of `target` for one of `source`, known since `on_date`.

    `on_date` is None where both are the same currency. `across` names the currency in between.
    """

    source: str
    target: str
    rate: Decimal
    on_date: date | None = None
    across: str = ""


Legs = dict[tuple[str, str], tuple[Decimal, date]]


def conversions(
    session: Session, sources: Iterable[str], target: str, day: date, *, across: str = ""
) -> dict[str, Conversion | None]:
    """How each currency is turned into `target` by the newest rates up to `day`; None: no rate is known.

    A pair without rates of its own is tried across one currency, the organization's as a rule.
    """
    wanted = set(sources)
    legs = _newest(session, {*wanted, target, *([across] if across else [])}, day)
    return {source: _convert(legs, source, target, across) for source in wanted}


def conversion(
    session: Session, source: str, target: str, day: date, *, across: str = ""
) -> Conversion | None:
    """How one currency is turned into another on a day; None: no rate is known."""
    return conversions(session, [source], target, day, across=across)[source]


def currency_codes(session: Session) -> list[str]:
    """The currencies the tenant trades in, in alphabetical order."""
    return list(session.scalars(select(Currency.code).order_by(Currency.code)))


def decimals(session: Session) -> dict[str, int]:
    """Decimals that amounts of each known currency have."""
    return {row.code: row.decimals for row in session.execute(select(Currency.code, Currency.decimals))}


def _newest(session: Session, codes: set[str], day: date) -> Legs:
    """The newest rate of each pair up to a day, both ways round."""
    if len(codes) < 2:
        return {}
    pair = (FxRate.from_currency, FxRate.to_currency)
    ranked = (
        select(
            *pair,
            FxRate.rate,
            FxRate.on_date,
            func.row_number().over(partition_by=pair, order_by=FxRate.on_date.desc()).label("place"),
        )
        .where(FxRate.on_date <= day, FxRate.from_currency.in_(codes), FxRate.to_currency.in_(codes))
        .subquery()
    )
    legs: Legs = {}
    for source, target, rate, on_date, _ in session.execute(select(ranked).where(ranked.c.place == 1)):
        for ends, value in (((source, target), rate), ((target, source), 1 / rate)):
            known = legs.get(ends)
            is_own = ends == (source, target)
            if known is None or known[1] < on_date or (known[1] == on_date and is_own):
                legs[ends] = (value, on_date)
    return legs


def _convert(legs: Legs, source: str, target: str, across: str) -> Conversion | None:
    if source == target:
        return Conversion(source, target, Decimal(1))
    if direct := legs.get((source, target)):
        return Conversion(source, target, *direct)
    first, second = legs.get((source, across)), legs.get((across, target))
    if first and second:
        return Conversion(source, target, first[0] * second[0], min(first[1], second[1]), across)
    return None
