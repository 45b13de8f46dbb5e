"""Owns reading what a supplier typed: every field is checked, nothing typed is ever dropped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

import sqlalchemy as sa
from babel.numbers import list_currencies

from dashboard.erp.portal import amounts
from dashboard.erp.quotes.models import Quote, QuoteLine
from dashboard.erp.sourcing.models import RfqLine
from dashboard.records.columns import Column, Kind, describe
from dashboard.records.values import ValueInvalidError, clean, dump, parse

MAX_TEXT = 4000
TERMS = ("reference", "currency", "lead_time_days", "valid_until", "freight", "note")
OF_LINE = ("unit_price", "lead_days", "note")
QUOTE_COLUMNS = describe(cast("sa.Table", Quote.__table__), {}, {})
LINE_COLUMNS = describe(cast("sa.Table", QuoteLine.__table__), {}, {})


@dataclass
class LineAnswer:
    """One line of the request with what is stored and what was typed."""

    asked: RfqLine
    stored: QuoteLine | None
    typed: dict[str, str]
    no_bid: bool
    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def is_sealed(self) -> bool:
        """Whether a price is put away for this line, which is not shown again."""
        return self.stored is not None and self.stored.sealed_price_at is not None

    @property
    def is_answered(self) -> bool:
        """Whether the line has a price or is marked as no bid."""
        return self.no_bid or self.is_sealed or self.values.get("unit_price") is not None

    @property
    def amount(self) -> Decimal | None:
        """What the line costs; None where no price is known."""
        price = None if self.no_bid else self.values.get("unit_price")
        return None if price is None else self.asked.quantity * price

    @property
    def is_blank(self) -> bool:
        """Whether nothing was said about the line."""
        return not self.no_bid and not any(self.typed.values())


@dataclass
class Answer:
    """The whole form."""

    typed: dict[str, str]
    lines: list[LineAnswer]
    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def is_valid(self) -> bool:
        """Whether it can be saved."""
        return not self.errors and not any(line.errors for line in self.lines)

    @property
    def is_hidden(self) -> bool:
        """Whether a sealed price that nobody reads belongs to the total."""
        return any(line.is_sealed and line.amount is None and not line.no_bid for line in self.lines)

    @property
    def currency(self) -> str:
        """The currency the amounts are shown in."""
        return "" if "currency" in self.errors else self.typed["currency"].upper()

    @property
    def goods(self) -> Decimal:
        """Sum of the lines that have a price."""
        return sum((line.amount or Decimal(0) for line in self.lines), Decimal(0))

    @property
    def total(self) -> Decimal:
        """What the whole costs: the lines and the freight."""
        return self.goods + (self.values.get("freight") or Decimal(0))


def stored(
    asked: Sequence[RfqLine], quote: Quote | None, lines: Sequence[QuoteLine], currency: str
) -> Answer:
    """The form as saved; sealed prices stay empty."""
    by_line = {line.rfq_line_id: line for line in lines}
    currency = quote.currency if quote else currency
    typed = {key: _shown(getattr(quote, key, None), currency) for key in TERMS} | {"currency": currency}
    found = [_stored_line(one, by_line.get(one.id), currency) for one in asked]
    return Answer(typed, found, values={"freight": quote.freight if quote else None})


def _stored_line(asked: RfqLine, line: QuoteLine | None, currency: str) -> LineAnswer:
    typed = {key: _shown(getattr(line, key, None), currency) for key in OF_LINE}
    values = {"unit_price": line.unit_price if line else None}
    return LineAnswer(asked, line, typed, no_bid=bool(line and line.no_bid), values=values)


def _shown(value: object, currency: str) -> str:
    return amounts.typed(value, currency) if isinstance(value, Decimal) else dump(value) or ""


def read(
    form: Mapping[str, str],
    asked: Sequence[RfqLine],
    lines: Sequence[QuoteLine],
    *,
    submitting: bool,
) -> Answer:
    """Read the posted form; with `submitting` every line must be answered."""
    by_line = {line.rfq_line_id: line for line in lines}
    rest_no_bid = submitting and form.get("rest_no_bid") == "1"
    answer = Answer({key: clean(form.get(key, "")) for key in TERMS}, [])
    currency = answer.typed["currency"].upper()
    answer.values, answer.errors = _check(QUOTE_COLUMNS, answer.typed, currency)
    _check_currency(answer)
    for one in asked:
        line = _read_line(form, one, by_line.get(one.id), currency)
        if rest_no_bid and not line.is_answered and not line.errors:
            line.no_bid = True
        if submitting and not line.is_answered and not line.errors:
            line.errors["unit_price"] = "Enter a price, or tick “No bid”."
        answer.lines.append(line)
    if submitting and answer.lines and all(line.no_bid for line in answer.lines):
        answer.errors["lines"] = "There is no line with a price. To quote on none of them, decline below."
    return answer


def _read_line(form: Mapping[str, str], asked: RfqLine, line: QuoteLine | None, currency: str) -> LineAnswer:
    typed = {key: clean(form.get(f"{key}-{asked.id}", "")) for key in OF_LINE}
    found = LineAnswer(asked, line, typed, no_bid=form.get(f"no_bid-{asked.id}") == "1")
    found.values, found.errors = _check(LINE_COLUMNS, typed, currency)
    if found.no_bid and typed["unit_price"] and "unit_price" not in found.errors:
        found.errors["unit_price"] = "A line is either priced or “No bid”, not both."
    return found


def _check_currency(answer: Answer) -> None:
    code = answer.typed["currency"].upper()
    answer.values["currency"] = code
    if code not in list_currencies():
        answer.errors["currency"] = "This is no ISO currency such as EUR."


def _check(
    columns: Mapping[str, Column], typed: Mapping[str, str], currency: str
) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for key, text in typed.items():
        try:
            values[key] = _value(columns[key], text, currency) if text else None
        except ValueInvalidError as error:
            errors[key] = str(error)
    return values, errors


def _value(column: Column, text: str, currency: str) -> Any:
    if len(text) > MAX_TEXT:
        raise ValueInvalidError(f"At most {MAX_TEXT:,} characters can be stored.")
    value = parse(column, amounts.plain(text, currency) if column.kind is Kind.DECIMAL else text)
    if isinstance(value, int | Decimal) and value < 0:
        raise ValueInvalidError("This must not be negative.")
    kind = column.column.type
    if isinstance(value, Decimal) and isinstance(kind, sa.Numeric):
        whole = (kind.precision or 18) - (kind.scale or 0)
        if abs(value) >= 10**whole:
            raise ValueInvalidError("This number is too large.")
        if value != round(value, kind.scale or 0):
            raise ValueInvalidError(f"At most {kind.scale} decimals can be stored.")
    return value
