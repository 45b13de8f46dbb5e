"""Owns what the KPIs keep in a tenant: facts, their sums, and what people declare about them."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from dashboard.core.db import TenantModel
from dashboard.core.tables import Created, Json, Record, check, iso_currency, json_object, not_blank, positive

MEASURES = 8
"""How many measures a family of facts may have: columns m1 to m8 of a fact, s1 to s8 of a sum."""


class _Bucket:
    """By what facts are added up. 0 and '' stand for "has none", so that a key never holds NULL."""

    family: Mapped[str] = mapped_column(Text, primary_key=True)
    org_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    month: Mapped[date] = mapped_column(Date, primary_key=True)
    """First day of the calendar month in the organization's time zone."""
    category_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, server_default=text("0"))
    region: Mapped[str] = mapped_column(Text, primary_key=True, server_default="")


class _Sums:
    """The number of facts and the sum of each measure; NULL where no fact had it."""

    n: Mapped[int] = mapped_column(BigInteger, sort_order=2)
    s1: Mapped[Decimal | None] = mapped_column(Numeric, sort_order=2)
    s2: Mapped[Decimal | None] = mapped_column(Numeric, sort_order=2)
    s3: Mapped[Decimal | None] = mapped_column(Numeric, sort_order=2)
    s4: Mapped[Decimal | None] = mapped_column(Numeric, sort_order=2)
    s5: Mapped[Decimal | None] = mapped_column(Numeric, sort_order=2)
    s6: Mapped[Decimal | None] = mapped_column(Numeric, sort_order=2)
    s7: Mapped[Decimal | None] = mapped_column(Numeric, sort_order=2)
    s8: Mapped[Decimal | None] = mapped_column(Numeric, sort_order=2)


class KpiFact(TenantModel):
    """What one record counts for in one family. A refresh replaces the facts of changed records."""

    __tablename__ = "kpi_fact"
    __table_args__ = (
        Index("ix_kpi_fact_due_at", "family", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_kpi_fact_subject_id", "family", "subject_id", postgresql_where=text("bin IS NOT NULL")),
    )

    family: Mapped[str] = mapped_column(Text, primary_key=True)
    record_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    org_id: Mapped[int] = mapped_column(BigInteger)
    month: Mapped[date] = mapped_column(Date)
    subject_id: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    category_id: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    region: Mapped[str] = mapped_column(Text, server_default="")
    bin: Mapped[int | None] = mapped_column(Integer)
    """The value a median is taken over, in the whole units its family declares."""
    due_at: Mapped[datetime | None]
    """The moment from which it comes out otherwise although nobody changes it: a promise falls due."""
    m1: Mapped[Decimal | None] = mapped_column(Numeric)
    m2: Mapped[Decimal | None] = mapped_column(Numeric)
    m3: Mapped[Decimal | None] = mapped_column(Numeric)
    m4: Mapped[Decimal | None] = mapped_column(Numeric)
    m5: Mapped[Decimal | None] = mapped_column(Numeric)
    m6: Mapped[Decimal | None] = mapped_column(Numeric)
    m7: Mapped[Decimal | None] = mapped_column(Numeric)
    m8: Mapped[Decimal | None] = mapped_column(Numeric)


class KpiSubjectSum(_Bucket, _Sums, TenantModel):
    """Sums per supplier (customer, product), month, category and region; and of all categories and regions.

    The first measure is what a ranking is by: its largest of a month are found along an index.
    """

    __tablename__ = "kpi_subject_sum"

    @declared_attr.directive
    def __table_args__(cls) -> tuple[Index, ...]:  # noqa: N805  # SQLAlchemy calls it with the class
        return (
            Index("ix_kpi_subject_sum_subject_id", "family", "subject_id", "month"),
            Index(
                "ix_kpi_subject_sum_largest",
                "family",
                "org_id",
                "month",
                text("s1 DESC NULLS LAST"),
                postgresql_include=["subject_id"],
                postgresql_where=text(r"family LIKE '%\:all'"),
            ),
        )

    subject_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, sort_order=1)


class KpiSum(_Bucket, _Sums, TenantModel):
    """Sums per month, category and region; one row for each value of the bin, -1 where there is none."""

    __tablename__ = "kpi_sum"

    bin: Mapped[int] = mapped_column(Integer, primary_key=True, sort_order=1)


class KpiState(TenantModel):
    """How far the facts of a family are: what they were computed from, and when."""

    __tablename__ = "kpi_state"
    __table_args__ = (*json_object("marks", "parameters"),)

    family: Mapped[str] = mapped_column(Text, primary_key=True)
    as_of: Mapped[datetime]
    rebuilt_at: Mapped[datetime]
    snapshot: Mapped[str] = mapped_column(Text)
    """pg_current_snapshot() of the last refresh: what it saw of the row history it need not see again."""
    floor_id: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """No row of the history up to this one can appear any more."""
    marks: Mapped[Json]
    """{"open": [[transaction, last id of the history], …]}: refreshes before which a transaction may be open;
    the schema they were made in; and when records were last looked at because of the day."""
    parameters: Mapped[Json]
    """What the facts were computed with; another set means computing all of them anew."""
    milliseconds: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    changed: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class KpiSetting(Record, TenantModel):
    """One row: the currency amounts are shown in (NULL: the one most organizations have)."""

    __tablename__ = "kpi_setting"
    __table_args__ = (iso_currency("display_currency"), check("only_one", "id = 1"))

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, server_default=text("1"), sort_order=-10)
    display_currency: Mapped[str | None] = mapped_column(Text)


class KpiVersion(Created, TenantModel):
    """A version of a definition's parameters; `org_id` is empty when it holds for all organizations."""

    __tablename__ = "kpi_version"
    __table_args__ = (
        *not_blank("code", "reason"),
        *positive("revision"),
        *json_object("parameters"),
        Index("uq_kpi_version_revision", "code", text("coalesce(org_id, 0)"), "revision", unique=True),
    )

    org_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("organization.id", ondelete="CASCADE"))
    code: Mapped[str] = mapped_column(Text)
    revision: Mapped[int] = mapped_column(Integer)
    parameters: Mapped[Json]
    reason: Mapped[str] = mapped_column(Text)


class KpiTarget(Record, TenantModel):
    """What a KPI is to be, or its budget, over some months, for one organization and category or for all."""

    __tablename__ = "kpi_target"
    __table_args__ = (
        *not_blank("code", "note"),
        check("months_in_order", "first_month <= last_month"),
        check("whole_months", "extract(day FROM first_month) = 1 AND extract(day FROM last_month) = 1"),
        Index("ix_kpi_target_code", "code", "first_month"),
    )

    org_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("organization.id", ondelete="CASCADE"))
    category_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("product_category.id", ondelete="CASCADE")
    )
    code: Mapped[str] = mapped_column(Text)
    first_month: Mapped[date] = mapped_column(Date)
    last_month: Mapped[date] = mapped_column(Date)
    value: Mapped[Decimal] = mapped_column(Numeric(24, 6))
    is_budget: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
    """A budget is for the whole time and shared out evenly over its months; a target holds in each."""
    note: Mapped[str | None] = mapped_column(Text)


class KpiBoard(Record, TenantModel):
    """A dashboard somebody saved: which page, with which filters; shared with the tenant or not."""

    __tablename__ = "kpi_board"
    __table_args__ = (
        *not_blank("name", "owner"),
        *json_object("definition"),
        UniqueConstraint("owner", "name"),
    )

    owner: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    is_shared: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
    definition: Mapped[Json]


class KpiMailing(Record, TenantModel):
    """A page of insights sent by mail, each day, week or month."""

    __tablename__ = "kpi_mailing"
    __table_args__ = (
        *not_blank("owner", "page", "recipients"),
        check("every_known", "every IN ('day', 'week', 'month')"),
        *json_object("filters"),
        Index("ix_kpi_mailing_next_at", "next_at", postgresql_where=text("is_active")),
    )

    owner: Mapped[str] = mapped_column(Text)
    page: Mapped[str] = mapped_column(Text)
    filters: Mapped[Json]
    recipients: Mapped[str] = mapped_column(Text)
    """Addresses, one per line."""
    every: Mapped[str] = mapped_column(Text)
    hour: Mapped[int] = mapped_column(SmallInteger, default=7, server_default=text("7"))
    is_active: Mapped[bool] = mapped_column(Boolean, default=True, server_default=text("true"))
    next_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)


class KpiMove(TenantModel):
    """What a stock move did to the value of what lies there. A trigger writes it beside the move.

    What goes out leaves at the moving average that is known at that moment alone, and not by the move's own
    unit cost, which people may leave out.
    """

    __tablename__ = "kpi_move"
    __table_args__ = (Index("ix_kpi_move_product_id", "product_id", "warehouse_id", "moved_at"),)

    move_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    product_id: Mapped[int] = mapped_column(BigInteger)
    warehouse_id: Mapped[int] = mapped_column(BigInteger)
    moved_at: Mapped[datetime]
    source: Mapped[str] = mapped_column(Text)
    quantity: Mapped[Decimal] = mapped_column(Numeric)
    value: Mapped[Decimal] = mapped_column(Numeric)
    """The change of quantity times average cost, in the organization's base currency."""


class KpiStock(TenantModel):
    """Stock of a product in all warehouses of its organization; kept by the refresh of the family `stock`."""

    __tablename__ = "kpi_stock"
    __table_args__ = (Index("ix_kpi_stock_org_id", "org_id", "category_id"),)

    product_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    org_id: Mapped[int] = mapped_column(BigInteger)
    category_id: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    on_hand: Mapped[Decimal] = mapped_column(Numeric)
    on_order: Mapped[Decimal] = mapped_column(Numeric)
    """Ordered from suppliers and still to come."""
    value: Mapped[Decimal | None] = mapped_column(Numeric)
    """In the display currency at the rate of `as_of`; NULL without a rate."""
    age_30: Mapped[Decimal] = mapped_column(Numeric)
    """Of `on_hand`, what came 0 to 30 days ago, first in first out; age_90: 31 to 90, age_180: 91 to 180."""
    age_90: Mapped[Decimal] = mapped_column(Numeric)
    age_180: Mapped[Decimal] = mapped_column(Numeric)
    age_older: Mapped[Decimal] = mapped_column(Numeric)
    daily_mean: Mapped[Decimal | None] = mapped_column(Numeric)
    """Shipped per day, and its standard deviation, over the whole days that `demand_days` counts."""
    daily_deviation: Mapped[Decimal | None] = mapped_column(Numeric)
    demand_days: Mapped[int | None] = mapped_column(Integer)
    lead_mean: Mapped[Decimal | None] = mapped_column(Numeric)
    """Days from order to receipt, and their standard deviation, over `lead_n` deliveries."""
    lead_deviation: Mapped[Decimal | None] = mapped_column(Numeric)
    lead_n: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    reorder_point: Mapped[Decimal | None] = mapped_column(Numeric)
    basis: Mapped[str] = mapped_column(Text, server_default="")
    """Where the reorder point is from: computed, declared (by the product), or '' where there is none."""
    suggested: Mapped[Decimal | None] = mapped_column(Numeric)
    """What to order now: 0, or at least the product's smallest order."""
    as_of: Mapped[datetime]


def measure_columns(prefix: str, count: int = MEASURES) -> list[str]:
    """Name the columns of the first measures: `measure_columns("m", 2)` gives m1, m2."""
    return [f"{prefix}{place}" for place in range(1, count + 1)]
