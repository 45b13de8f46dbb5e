"""Owns what tenant tables have in common: keys, optimistic lock, traces, and named constraints."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Numeric,
    Text,
    UniqueConstraint,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from dashboard.core.db import Timestamps

# Amounts carry four decimals, so that unit prices below a cent survive; quantities carry six.
Money = Annotated[Decimal, mapped_column(Numeric(18, 4))]
Quantity = Annotated[Decimal, mapped_column(Numeric(18, 6))]
Percent = Annotated[Decimal, mapped_column(Numeric(7, 4))]
Rate = Annotated[Decimal, mapped_column(Numeric(18, 8))]
Words = Annotated[str, mapped_column(Text)]
Key = Annotated[int, mapped_column(BigInteger)]
Json = Annotated[dict[str, Any], mapped_column(JSONB, server_default=text("'{}'::jsonb"), default=dict)]

ACTOR = "current_setting('steward.actor', true)"
LIVE = text("deleted_at IS NULL")


class Created:
    """A row with a key that says when and by whom it was made; enough for append-only tables."""

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, sort_order=-10)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), sort_order=90)
    created_by: Mapped[str | None] = mapped_column(Text, server_default=text(ACTOR), sort_order=91)


class Record(Timestamps):
    """A row that people change: a key, an optimistic lock, and who touched it when."""

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, sort_order=-10)
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"), sort_order=-8)
    created_by: Mapped[str | None] = mapped_column(Text, server_default=text(ACTOR), sort_order=91)
    updated_by: Mapped[str | None] = mapped_column(
        Text, server_default=text(ACTOR), onupdate=literal_column(ACTOR), sort_order=92
    )

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805  # SQLAlchemy calls it with the class
        return {"version_id_col": cls.version}


class Owned:
    """A row of one organization; `(org_id, id)` is what other tables refer to."""

    @declared_attr
    def org_id(cls) -> Mapped[int]:  # noqa: N805
        """The organization that owns the row."""
        return mapped_column(BigInteger, ForeignKey("organization.id"), sort_order=-9)


class Part:
    """A row that lives inside another one; the composite key to its parent also fixes the organization."""

    org_id: Mapped[int] = mapped_column(BigInteger, sort_order=-9)


class Restorable:
    """A row that is marked as deleted and can be brought back."""

    deleted_at: Mapped[datetime | None] = mapped_column(sort_order=93)


class Custom:
    """A row with fields the tenant added for itself."""

    custom_fields: Mapped[Json] = mapped_column(sort_order=80)


class Imported:
    """A row that may come from another system; its key there keeps a second import from doubling it."""

    external_key: Mapped[str | None] = mapped_column(Text, sort_order=81)


def org_key() -> UniqueConstraint:
    """Make the row a target of composite foreign keys, so that organizations stay apart."""
    return UniqueConstraint("org_id", "id")


def refers(column: str, table: str, *, ondelete: str | None = None) -> ForeignKeyConstraint:
    """Refer to a row of the same organization."""
    return ForeignKeyConstraint(["org_id", column], [f"{table}.org_id", f"{table}.id"], ondelete=ondelete)


def check(name: str, condition: str) -> CheckConstraint:
    """Demand a condition; the name starts with the field it is about."""
    return CheckConstraint(condition, name=name)


def not_blank(*columns: str) -> list[CheckConstraint]:
    """Refuse empty and all-space text; NULL stays allowed where the column allows it."""
    return [check(f"{column}_not_blank", f"btrim({column}) <> ''") for column in columns]


def not_negative(*columns: str) -> list[CheckConstraint]:
    """Refuse numbers below zero."""
    return [check(f"{column}_not_negative", f"{column} >= 0") for column in columns]


def positive(*columns: str) -> list[CheckConstraint]:
    """Refuse zero and numbers below."""
    return [check(f"{column}_positive", f"{column} > 0") for column in columns]


def percent(*columns: str) -> list[CheckConstraint]:
    """Refuse numbers outside 0 to 100."""
    return [check(f"{column}_range", f"{column} BETWEEN 0 AND 100") for column in columns]


def iso_currency(column: str = "currency") -> CheckConstraint:
    """Demand the shape of an ISO 4217 code."""
    return check(f"{column}_iso", f"{column} ~ '^[A-Z]{{3}}$'")


def iso_country(column: str = "country") -> CheckConstraint:
    """Demand the shape of an ISO 3166 two-letter code."""
    return check(f"{column}_iso", f"{column} ~ '^[A-Z]{{2}}$'")


def email(column: str = "email") -> CheckConstraint:
    """Demand something@something; what a mail server takes is wider than any pattern."""
    return check(f"{column}_shape", f"{column} ~ '^[^@[:space:]]+@[^@[:space:]]+$'")


def json_object(*columns: str) -> list[CheckConstraint]:
    """Refuse JSON that is not an object."""
    return [check(f"{column}_object", f"jsonb_typeof({column}) = 'object'") for column in columns]


def one_of(column: str, choices: type[StrEnum]) -> CheckConstraint:
    """Refuse a status that nobody defined."""
    words = ", ".join(f"'{choice.value}'" for choice in choices)
    return check(f"{column}_known", f"{column} IN ({words})")


def choice(choices: type[StrEnum], default: StrEnum) -> Any:
    """Make a text column of known words; `info["choices"]` tells forms and filters which."""
    return mapped_column(Text, default=default.value, server_default=default.value, info={"choices": choices})


def unique_live(table: str, *columns: str) -> Index:
    """Allow a value once among the rows that are not deleted."""
    return Index(f"uq_{table}_{'_'.join(columns)}", *columns, unique=True, postgresql_where=LIVE)


def unique_external(table: str) -> Index:
    """Allow a key of another system once per organization."""
    known = text("external_key IS NOT NULL")
    return Index(f"uq_{table}_external_key", "org_id", "external_key", unique=True, postgresql_where=known)


def trigrams(table: str, *columns: str) -> Index:
    """Index text for search inside words; one index answers an OR over all its columns."""
    ops = dict.fromkeys(columns, "gin_trgm_ops")
    return Index(f"ix_{table}_search", *columns, postgresql_using="gin", postgresql_ops=ops)


def json_index(table: str, column: str) -> Index:
    """Index JSON for containment."""
    ops = {column: "jsonb_path_ops"}
    return Index(f"ix_{table}_{column}", column, postgresql_using="gin", postgresql_ops=ops)


def sort_index(table: str, column: str, *then: str, live: bool = True) -> Index:
    """Index a sort key with the tie-breakers that keyset pages need.

    Lists show live rows: the index holds only those (`live`), so that PostgreSQL can walk it alone.
    """
    name = f"ix_{table}_{'_'.join((column, *then))}"
    return Index(name, column, *then, "id", postgresql_where=LIVE if live else None)


def label(*parts: object, between: str = " · ") -> str:
    """Join what is known into the name a person sees."""
    return between.join(str(part) for part in parts if part not in (None, ""))
