"""Owns KPI definitions and the values recorded for them by month."""

from enum import StrEnum

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.core.db import TenantModel
from dashboard.core.tables import (
    Imported,
    Json,
    Key,
    Owned,
    Quantity,
    Record,
    Restorable,
    Words,
    check,
    choice,
    json_object,
    label,
    not_blank,
    one_of,
    org_key,
    positive,
    refers,
    sort_index,
    unique_external,
    unique_live,
)
from dashboard.erp.organizations.models import Organization


class Better(StrEnum):
    """Which way a number should move."""

    HIGHER = "higher"
    LOWER = "lower"


class KpiDefinition(Record, Owned, Restorable, TenantModel):
    """What a KPI means; `revision` and `parameters` say by which rules it was computed."""

    __tablename__ = "kpi_definition"
    __table_args__ = (
        org_key(),
        check("code_shape", "code ~ '^[a-z][a-z0-9_]*$'"),
        *not_blank("name"),
        one_of("better", Better),
        *positive("revision"),
        *json_object("parameters"),
        unique_live("kpi_definition", "org_id", "code"),
        sort_index("kpi_definition", "name"),
    )

    code: Mapped[Words]
    name: Mapped[Words]
    unit: Mapped[Words | None]
    better: Mapped[str] = choice(Better, Better.HIGHER)
    description: Mapped[Words | None]
    revision: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    parameters: Mapped[Json]
    organization: Mapped[Organization] = relationship()

    def __str__(self) -> str:
        return self.name


class KpiValue(Record, Owned, Restorable, Imported, TenantModel):
    """A KPI's value for a month, written YYYY-MM."""

    __tablename__ = "kpi_value"
    __table_args__ = (
        org_key(),
        refers("definition_id", "kpi_definition"),
        check("period_month", "period ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'"),
        unique_live("kpi_value", "definition_id", "period"),
        unique_external("kpi_value"),
        Index("ix_kpi_value_definition_id", "definition_id"),
        sort_index("kpi_value", "period"),
    )

    definition_id: Mapped[Key]
    period: Mapped[Words]
    value: Mapped[Quantity]
    organization: Mapped[Organization] = relationship()
    definition: Mapped[KpiDefinition] = relationship(
        primaryjoin="foreign(KpiValue.definition_id) == KpiDefinition.id"
    )

    def __str__(self) -> str:
        return label(self.definition, self.period)
