"""Owns what a screen knows of a column: its kind, its label, its choices and where a reference leads."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from dashboard.core.db import TenantModel

LABEL_NAMES = ("name", "title", "number", "code", "subject", "reference", "period", "email", "description")
LONG_TEXT_NAMES = frozenset({"body", "notes", "note", "description", "address", "reason", "comment"})
WORDS = {
    "id": "ID",
    "org_id": "Organization",
    "rfq_id": "RFQ",
    "rfq": "RFQ",
    "rfq_line_id": "RFQ line",
    "tax_id": "Tax ID",
    "sku": "SKU",
    "email": "E-mail",
    "fx_rate": "Exchange rate",
    "lead_time_days": "Lead time (days)",
    "lead_days": "Lead time (days)",
    "payment_days": "Payment (days)",
    "min_order_qty": "Minimum order quantity",
}
_AFFIXES = re.compile(r"^is_|_(?:id|at|on)$")
_IN_LIST = re.compile(r"^\(?\s*\"?(\w+)\"?\s+IN\s*\((.+)\)\s*\)?$", re.IGNORECASE | re.DOTALL)


class Kind(StrEnum):
    """How a column is shown, filtered and edited."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    MOMENT = "moment"
    CHOICE = "choice"
    REFERENCE = "reference"
    DOCUMENT = "document"


NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL})
RANGES = NUMBERS | {Kind.DATE, Kind.MOMENT}


AMOUNT = (18, 4)  # precision and scale of money, see core.tables


@dataclass(frozen=True)
class Reference:
    """The record a foreign key leads to; `label` is the column that names it."""

    model: type[Any]
    label: str

    @property
    def entity(self) -> str:
        """Name of the entity it leads to (its table)."""
        return str(self.model.__tablename__)


@dataclass(frozen=True)
class Column:
    """One column of an entity as people meet it."""

    key: str
    label: str
    kind: Kind
    column: sa.Column[Any]
    choices: tuple[tuple[str, str], ...] = ()
    reference: Reference | None = None
    currency: str = ""

    @property
    def nullable(self) -> bool:
        """Whether the database accepts no value."""
        return bool(self.column.nullable)

    @property
    def is_amount(self) -> bool:
        """Whether it holds money: a price, a cost, an amount."""
        kind = self.column.type
        return isinstance(kind, sa.Numeric) and (kind.precision, kind.scale) == AMOUNT

    def choice_label(self, value: object) -> str:
        """Word for a stored choice."""
        raw = str(getattr(value, "value", value))
        return next((label for key, label in self.choices if key == raw), raw)


def humanize(name: str) -> str:
    """`standard_cost` → Standard cost; `supplier_id` → Supplier; `is_active` → Active."""
    if name in WORDS:
        return WORDS[name]
    words = _AFFIXES.sub("", name).replace("_", " ").strip() or name
    return words[:1].upper() + words[1:]


def in_sentence(words: str) -> str:
    """Words as they stand within a sentence; an abbreviation keeps its capitals: RFQ line, supplier."""
    return words if words[1:2].isupper() else words[:1].lower() + words[1:]


def describe(table: sa.Table, labels: dict[str, str], money: dict[str, str]) -> dict[str, Column]:
    """Describe every column of a table, by key."""
    return {column.key: _describe(column, labels, money) for column in table.columns}


def _describe(column: sa.Column[Any], labels: dict[str, str], money: dict[str, str]) -> Column:
    reference = find_reference(column)
    choices = () if reference else find_choices(column)
    kind = Kind.REFERENCE if reference else Kind.CHOICE if choices else kind_of(column)
    label = labels.get(column.key) or str(column.info.get("label") or humanize(column.key))
    return Column(column.key, label, kind, column, choices, reference, money.get(column.key, ""))


def kind_of(column: sa.Column[Any]) -> Kind:
    """Kind of a plain column by its SQL type."""
    kinds: tuple[tuple[tuple[type[Any], ...], Kind], ...] = (
        ((sa.Boolean,), Kind.BOOLEAN),
        ((sa.Integer,), Kind.INTEGER),
        ((sa.Numeric,), Kind.DECIMAL),
        ((sa.DateTime,), Kind.MOMENT),
        ((sa.Date,), Kind.DATE),
        ((JSONB, sa.JSON, ARRAY), Kind.DOCUMENT),
    )
    for types, kind in kinds:
        if isinstance(column.type, types):
            return kind
    unlimited = isinstance(column.type, sa.String) and column.type.length is None
    return Kind.LONG_TEXT if unlimited and column.key in LONG_TEXT_NAMES else Kind.TEXT


def find_reference(column: sa.Column[Any]) -> Reference | None:
    """Return where a foreign key leads; of a composite one only the column that meets `id` counts."""
    for key in column.foreign_keys:
        if key.column.name == "id":
            model = _models().get(str(key.column.table.name))
            return Reference(model, label_name(model)) if model else None
    return None


def _models() -> dict[str, type[Any]]:
    return {str(mapper.local_table.name): mapper.class_ for mapper in TenantModel.registry.mappers}  # type: ignore[attr-defined]


def label_name(model: type[Any]) -> str:
    """Name of the column that names a record to people."""
    names = model.__table__.columns.keys()
    return next((name for name in LABEL_NAMES if name in names), "id")


def find_choices(column: sa.Column[Any]) -> tuple[tuple[str, str], ...]:
    """Values a column may hold: from its enum, its `info`, or a CHECK (… IN (…)) on its table."""
    if isinstance(column.type, sa.Enum):
        return tuple((value, humanize(value)) for value in column.type.enums)
    given = column.info.get("choices")
    values = [str(getattr(value, "value", value)) for value in given] if given else _checked_values(column)
    return tuple((value, humanize(value)) for value in values)


def _checked_values(column: sa.Column[Any]) -> list[str]:
    for constraint in column.table.constraints:
        if isinstance(constraint, sa.CheckConstraint):
            match = _IN_LIST.match(str(constraint.sqltext).strip())
            if match and match.group(1) == column.key:
                return re.findall(r"'([^']*)'", match.group(2))
    return []
