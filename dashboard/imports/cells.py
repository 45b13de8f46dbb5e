"""Owns turning a cell's text into a column's value, as the person said it is written."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache
from typing import Any

import sqlalchemy as sa
from babel import Locale

from dashboard.imports.reading import Format
from dashboard.records.columns import NUMBERS, Column, Kind
from dashboard.records.values import FALSE, NUL, TRUE, ValueInvalidError, parse

FACTORS = {
    "": "As written",
    "100": "\N{MULTIPLICATION SIGN} 100 (0.05 → 5 %)",
    "0.01": "÷ 100",
    "invert": "Yes ↔ no",
}
WORDS = {"ja": True, "oui": True, "si": True, "x": True, "nein": False, "non": False}
MAX_TEXT = 100_000
MAX_ROUND = 8
_DATE = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})(.*)", re.DOTALL)
_MONEY = "€$£¥% \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"
_COUNTRIES = {
    "uk": "GB",
    "usa": "US",
    "great britain": "GB",
    "england": "GB",
    "holland": "NL",
    "south korea": "KR",
}


@dataclass(frozen=True)
class Rule:
    """How the cells of one column of the file are read."""

    position: int
    column: Column
    style: Format
    factor: str = ""
    round_to: int | None = None

    def read(self, text: str) -> Any:
        """Read a value that JSON holds; None for a blank cell. Raises ValueInvalidError."""
        if not text:
            return None
        if NUL in text:
            raise ValueInvalidError("This text contains a character that cannot be stored (NUL).")
        reader = _READERS.get(self.column.kind, _text)
        return reader(self, text)


def _text(rule: Rule, text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueInvalidError(f"This text is longer than {MAX_TEXT:,} characters.")
    length = getattr(rule.column.column.type, "length", None)
    if length and len(text) > length:
        raise ValueInvalidError(f"At most {length} characters can be stored.")
    if rule.column.key == "country":
        return _country(text)
    return text.upper() if rule.column.key == "currency" else text


def _country(text: str) -> str:
    name = text.strip().lower()
    return _COUNTRIES.get(name) or countries().get(name) or (text.upper() if len(text) == 2 else text)


@cache
def countries() -> Mapping[str, str]:
    """ISO codes by the English name of the country."""
    found = Locale("en").territories.items()
    return {name.lower(): code for code, name in found if len(code) == 2 and code.isalpha()}


def plain_number(text: str, decimal: str) -> str:
    """A number as `1234.56`, whatever stands between its thousands and before its decimals."""
    bare = (
        text.strip(_MONEY).replace("\N{MINUS SIGN}", "-").replace("\N{NO-BREAK SPACE}", "").replace(" ", "")
    )
    bare = bare.replace("'", "").replace("\N{NARROW NO-BREAK SPACE}", "")
    if decimal != ",":
        return bare
    if re.fullmatch(r"[+-]?\d{1,3}(\.\d{3})+(,\d*)?", bare):
        bare = bare.replace(".", "")
    elif "." in bare:
        raise ValueInvalidError(f"“{text}” is not a number; write it as 1234,5 or 1.234,5.")
    return bare.replace(",", ".")


def _decimal(rule: Rule, text: str) -> str:
    value = _scaled(rule, parse_decimal(rule, text))
    kind = rule.column.column.type
    if isinstance(kind, sa.Numeric) and kind.precision is not None:
        scale = kind.scale or 0
        if abs(value) >= Decimal(10) ** (kind.precision - scale):
            limit = Decimal(10) ** (kind.precision - scale) - 1
            raise ValueInvalidError(f"This is too large; at most {limit:,.0f} fits.")
        if value != round(value, scale):
            raise ValueInvalidError(f"At most {scale} decimals can be stored; round it or correct it.")
    return f"{value:f}"


def parse_decimal(rule: Rule, text: str) -> Decimal:
    """Read a number exactly. Raises ValueInvalidError."""
    value = parse(rule.column, plain_number(text, rule.style.decimal))
    return value if isinstance(value, Decimal) else Decimal(value)


def _scaled(rule: Rule, value: Decimal) -> Decimal:
    try:
        if rule.factor in {"100", "0.01"}:
            value *= Decimal(rule.factor)
        if rule.round_to is not None:
            value = value.quantize(Decimal(1).scaleb(-rule.round_to), ROUND_HALF_UP)
    except InvalidOperation:
        raise ValueInvalidError("This number is too large.") from None
    return value


def _integer(rule: Rule, text: str) -> int:
    bare = plain_number(text, rule.style.decimal)
    if rule.style.decimal == "." and re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.0*)?", bare):
        bare = bare.replace(",", "")
    value: int = parse(rule.column, re.sub(r"\.0*$", "", bare))
    return value


def _boolean(rule: Rule, text: str) -> bool:
    word = text.lower()
    if word in TRUE | FALSE:
        value = word in TRUE
    elif word in WORDS:
        value = WORDS[word]
    else:
        raise ValueInvalidError(f"“{text[:40]}” is neither yes nor no.")
    return not value if rule.factor == "invert" else value


def _date(rule: Rule, text: str) -> str:
    value: date = parse(rule.column, iso_date(re.sub(r"[ T]00:00(:00(\.0+)?)?$", "", text), rule.style.dates))
    return value.isoformat()


def _moment(rule: Rule, text: str) -> str:
    return str(parse(rule.column, iso_date(text, rule.style.dates)).isoformat())


def iso_date(text: str, order: str) -> str:
    """A date written as 31.03.2026 or 03/31/2026 in the ISO way; other text stays as it is."""
    found = _DATE.fullmatch(text)
    if found is None:
        return text
    first, second, year, rest = found.groups()
    if order == "iso" and int(first) <= 12 and int(second) <= 12 and first != second:
        raise ValueInvalidError(f"“{text[:40]}” can be read in two ways; choose how dates are written.")
    month_first = order == "mdy" or (order == "iso" and int(second) > 12)
    day, month = (second, first) if month_first else (first, second)
    return f"{year}-{int(month):02}-{int(day):02}{rest}"


def _choice(rule: Rule, text: str) -> str:
    wanted = text.strip().lower()
    for value, label in rule.column.choices:
        if wanted in {value.lower(), label.lower()}:
            return value
    words = ", ".join(label for _, label in rule.column.choices)
    raise ValueInvalidError(f"“{text[:40]}” is not one of: {words}.")


_READERS = {
    Kind.DECIMAL: _decimal,
    Kind.INTEGER: _integer,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.MOMENT: _moment,
    Kind.CHOICE: _choice,
    Kind.REFERENCE: _text,
}


def can_round(column: Column) -> bool:
    """Whether rounding means anything for a column."""
    return column.kind in NUMBERS
