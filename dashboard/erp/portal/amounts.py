"""Owns how a supplier's amounts are read, with either decimal sign, and written back to be read again.

What both habits read as different numbers is refused with a question, never guessed. Pure.
"""

import re
from decimal import Decimal

from babel.numbers import get_currency_precision

from dashboard.records.values import ValueInvalidError

SEPARATORS = ".,"
MAX_DIGITS = 4
_SPACES = re.compile(r"[\s'\u2019]+")  # \s knows the no-break spaces too
_GROUPED = re.compile(r"\d{1,3}(?:[.,]\d{3})+")
_NUMBER = re.compile(r"[+-]?\d*(?:\.\d*)?")


def plain(text: str, currency: str) -> str:
    """An amount as `1234.5`. Raises ValueInvalidError for what is no number or could be two."""
    bare = _SPACES.sub("", text).replace("\N{MINUS SIGN}", "-")
    sign, digits = (bare[0], bare[1:]) if bare[:1] in {"+", "-"} else ("", bare)
    if {*digits} >= {*SEPARATORS}:
        digits = _both_signs(digits)
    elif digits.count(",") + digits.count(".") > 1:
        digits = re.sub("[.,]", "", digits) if _GROUPED.fullmatch(digits) else "?"
    elif "," in digits or "." in digits:
        digits = _one_sign(text, digits, currency)
    found = sign + digits
    if not _NUMBER.fullmatch(found) or not any(one.isdigit() for one in found):
        raise ValueInvalidError(f"“{text[:40]}” is not a number; write it as 1234.50 or 1.234,50.")
    return found


def _both_signs(digits: str) -> str:
    """The last sign begins the decimals, the other one stands between thousands."""
    at = max(digits.rfind(sign) for sign in SEPARATORS)
    whole, decimals = digits[:at], digits[at + 1 :]
    is_grouped = _GROUPED.fullmatch(whole) and digits[at] not in whole
    return f"{re.sub('[.,]', '', whole)}.{decimals}" if is_grouped else "?"


def _one_sign(text: str, digits: str, currency: str) -> str:
    whole, decimals = re.split("[.,]", digits)
    is_open = len(decimals) == 3 and len(whole) in {1, 2, 3} and whole != "0"
    if is_open and not ("." in digits and precision(currency) == 3):
        raise ValueInvalidError(
            f"“{text}” can be read in two ways. Is it {whole}{decimals} or {whole}.{decimals}?"
            f" Write {whole}{decimals}.00 or {whole}.{decimals}0."
        )
    return f"{whole}.{decimals}"


def precision(currency: str) -> int:
    """How many decimals a currency has; two for one that is not known."""
    return int(get_currency_precision(currency)) if currency else 2


def typed(value: Decimal, currency: str) -> str:
    """An amount for its input: the currency's decimals, more where it has more, read again as the same."""
    exact = -int(value.normalize().as_tuple().exponent)
    digits = max(precision(currency), exact)
    if digits == 3 != precision(currency):
        digits = MAX_DIGITS  # three would look like thousands
    return f"{value:.{digits}f}"
