"""Owns what the columns of a file mean: guessed from their headings, remembered, then as a person chose."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dashboard.core.errors import InvalidInputError
from dashboard.imports.cells import FACTORS, MAX_ROUND, Rule
from dashboard.imports.models import ImportRun
from dashboard.imports.reading import REASON, Format
from dashboard.imports.targets import Target, keys_of

SYNONYMS = {
    "name": ("company", "companyname", "suppliername", "vendor", "firma", "customer"),
    "website": ("homepage", "url", "web", "internet"),
    "phone": ("telephone", "tel", "telefon", "phonenumber"),
    "email": ("mail", "emailaddress"),
    "address": ("street", "addressline1"),
    "price": ("unitprice", "salesprice", "listprice"),
    "unit_price": ("price", "preis"),
    "standard_cost": ("cost",),
    "reorder_point": ("reorderlevel",),
    "ordered_on": ("orderdate", "date"),
    "promised_on": ("requireddate", "promiseddate", "duedate"),
    "shipped_at": ("shippeddate",),
    "discount_percent": ("discount", "rabatt"),
    "tax_percent": ("tax", "vat"),
    "tax_id": ("vatid", "vatnumber", "ustid"),
    "quantity": ("qty", "menge", "amount"),
    "description": ("quantityperunit", "text"),
    "org_id": ("org", "company"),
    "lead_time_days": ("lead", "leadtime", "leaddays"),
    "payment_days": ("payment", "paymentterms"),
}
Chosen = dict[str, dict[str, Any]]


def plain(text: str) -> str:
    """Letters and digits of a heading, in small."""
    return re.sub(r"[\W_]+", "", text.lower())


def signature(headings: Sequence[str]) -> str:
    """What makes two files the same kind: their headings, the column of reasons left out."""
    words = [plain(heading) for heading in headings if heading != REASON]
    return hashlib.sha256("\x1f".join(words).encode("utf-8", "replace")).hexdigest()


def remembered(session: Session, run: ImportRun) -> ImportRun | None:
    """The last import of a file like this one that somebody had mapped."""
    same = (
        ImportRun.entity == run.entity,
        ImportRun.signature == run.signature,
        ImportRun.id != run.id,
        ImportRun.mapping != {},
    )
    return session.scalar(sa.select(ImportRun).where(*same).order_by(ImportRun.id.desc()).limit(1))


def suggest(target: Target, headings: Sequence[str]) -> Chosen:
    """Guess what the headings mean; each column of the entity is given once."""
    free = dict(target.columns)
    found: Chosen = {}
    for guess in (_exact, _synonym, _own_key):
        for position, heading in enumerate(headings):
            if str(position) in found or heading == REASON or not heading:
                continue
            key = guess(target, free, plain(heading))
            if key:
                found[str(position)] = {"column": key}
                del free[key]
    return found


def _exact(target: Target, free: Mapping[str, Any], heading: str) -> str:
    words = [plain(word) for word in (target.singular, *target.entity.split("_"))]
    bare = next(
        (heading.removeprefix(word) for word in words if heading.removeprefix(word) not in {"id", heading}),
        heading,
    )
    for key, column in free.items():
        names = {plain(key), plain(column.label), plain(key.removesuffix("_id"))}
        if heading in names or bare in names:
            return key
    return ""


def _synonym(target: Target, free: Mapping[str, Any], heading: str) -> str:
    if "name" in free and not target.parent_key and heading in {plain(target.singular), plain(target.entity)}:
        return "name"  # a column "Supplier" in a file of suppliers
    return next((key for key in free if heading in SYNONYMS.get(key, ())), "")


def _own_key(target: Target, free: Mapping[str, Any], heading: str) -> str:
    """`supplier_id` in a file of suppliers is their key in the other system."""
    own = {"id", "key", *(f"{plain(word)}id" for word in (target.singular, *target.entity.split("_")))}
    if heading not in own or target.parent_key:
        return ""
    return next((key for key in ("external_key", "code", "sku") if key in free), "")


def read_choice(target: Target, form: Mapping[str, str], width: int) -> Chosen:
    """What a person chose for each column of the file. Raises InvalidInputError."""
    chosen: Chosen = {}
    used: dict[str, int] = {}
    for position in range(width):
        key = form.get(f"column-{position}", "")
        if key not in target.columns:
            continue
        if key in used:
            label = target.columns[key].label
            raise InvalidInputError(
                f"Columns {used[key] + 1} and {position + 1} of the file both go to “{label}”.",
                fix="Leave one of them out.",
            )
        used[key] = position
        chosen[str(position)] = {"column": key} | _extras(form, position)
    return chosen


def _extras(form: Mapping[str, str], position: int) -> dict[str, Any]:
    factor, decimals = form.get(f"factor-{position}", ""), form.get(f"round-{position}", "").strip()
    extras: dict[str, Any] = {"factor": factor} if factor in FACTORS and factor else {}
    if decimals.isascii() and decimals.isdecimal() and int(decimals[:4]) <= MAX_ROUND:
        extras["round"] = int(decimals)
    return extras


def read_defaults(target: Target, form: Mapping[str, str]) -> dict[str, str]:
    """Values for columns the file does not have, as typed."""
    return {key: text for key in target.columns if (text := form.get(f"default-{key}", "").strip())}


def read_match(target: Target, form: Mapping[str, str]) -> str:
    """The key rows are matched by, or '' to create only."""
    chosen = form.get("match_on", "")
    return chosen if tuple(chosen.split(",")) in keys_of(target) else ""


def rules(target: Target, chosen: Chosen, style: Format) -> list[Rule]:
    """How each mapped column of the file is read."""
    return [
        Rule(int(position), target.columns[one["column"]], style, one.get("factor", ""), one.get("round"))
        for position, one in sorted(chosen.items(), key=lambda item: int(item[0]))
        if one.get("column") in target.columns
    ]


def check(target: Target, chosen: Chosen, defaults: Mapping[str, str], match_on: str) -> None:
    """Refuse a mapping that cannot work. Raises InvalidInputError."""
    given = {one["column"] for one in chosen.values()} | set(defaults)
    if not chosen:
        raise InvalidInputError("No column of the file goes anywhere.", fix="Choose what the columns mean.")
    key = [name for name in match_on.split(",") if name]
    lacking = [name for name in key if name not in given]
    needed = (
        [] if match_on else [name for name in target.columns if target.required(name) and name not in given]
    )
    if missing := list(dict.fromkeys(lacking + needed + (["org_id"] if _lacks_org(target, given) else []))):
        words = ", ".join(target.all_columns[name].label for name in missing)
        raise InvalidInputError(
            f"These are needed: {words}.", fix="Map a column of the file, or enter one value for all rows."
        )


def _lacks_org(target: Target, given: set[str]) -> bool:
    return target.scoped and "org_id" not in given
