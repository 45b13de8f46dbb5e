"""Owns organizations, the people of a tenant, their profiles and memberships."""

from decimal import Decimal
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, SmallInteger, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.core.db import TenantModel
from dashboard.core.tables import (
    LIVE,
    Custom,
    Key,
    Money,
    Percent,
    Record,
    Restorable,
    Words,
    check,
    choice,
    email,
    iso_currency,
    json_object,
    label,
    not_blank,
    not_negative,
    one_of,
    percent,
    sort_index,
    trigrams,
)


class MemberRole(StrEnum):
    """What a person does in an organization."""

    BUYER = "buyer"
    SALES = "sales"
    WAREHOUSE = "warehouse"
    MANAGER = "manager"


class Organization(Record, Restorable, Custom, TenantModel):
    """A legal entity or site of the tenant with books of its own."""

    __tablename__ = "organization"
    __table_args__ = (
        *not_blank("name", "time_zone", "locale"),
        iso_currency("base_currency"),
        *not_negative("approval_threshold"),
        *percent("quantity_tolerance_percent", "price_tolerance_percent"),
        check("fiscal_month_range", "fiscal_month BETWEEN 1 AND 12"),
        *json_object("custom_fields"),
        Index("uq_organization_name", func.lower(text("name")), unique=True, postgresql_where=LIVE),
        sort_index("organization", "name"),
    )

    name: Mapped[Words]
    base_currency: Mapped[Words] = mapped_column(default="EUR", server_default="EUR")
    time_zone: Mapped[Words] = mapped_column(default="UTC", server_default="UTC")
    locale: Mapped[Words] = mapped_column(default="en", server_default="en")
    address: Mapped[Words | None]
    approval_threshold: Mapped[Money | None]
    """Orders above it, in the base currency, need approval; empty asks for none."""
    quantity_tolerance_percent: Mapped[Percent] = mapped_column(default=Decimal(0), server_default=text("0"))
    price_tolerance_percent: Mapped[Percent] = mapped_column(default=Decimal(0), server_default=text("0"))
    supplier_links: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    """Whether invited suppliers may answer on a page behind a signed link."""
    fiscal_month: Mapped[int] = mapped_column(SmallInteger, default=1, server_default=text("1"))
    """The month its fiscal year begins with, 1 to 12."""

    def __str__(self) -> str:
        return self.name


class AppUser(Record, Restorable, Custom, TenantModel):
    """A person of the tenant, as a record; operators who log in live in the control database."""

    __tablename__ = "app_user"
    __table_args__ = (
        *not_blank("name"),
        email(),
        *json_object("custom_fields"),
        Index("uq_app_user_email", func.lower(text("email")), unique=True, postgresql_where=LIVE),
        sort_index("app_user", "name"),
        trigrams("app_user", "name", "email"),
    )

    name: Mapped[Words]
    email: Mapped[Words]
    is_active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    profile: Mapped["Profile | None"] = relationship(back_populates="user", cascade="all, delete-orphan")
    memberships: Mapped[list["Membership"]] = relationship(
        back_populates="user", cascade="all, delete-orphan", order_by="Membership.id"
    )

    def __str__(self) -> str:
        return self.name


class Profile(Record, TenantModel):
    """How one person works: title, phone, language, time zone."""

    __tablename__ = "profile"
    __table_args__ = (UniqueConstraint("user_id"), *not_blank("language", "time_zone"))

    user_id: Mapped[Key] = mapped_column(ForeignKey("app_user.id", ondelete="CASCADE"))
    job_title: Mapped[Words | None]
    phone: Mapped[Words | None]
    language: Mapped[Words] = mapped_column(default="en", server_default="en")
    time_zone: Mapped[Words] = mapped_column(default="UTC", server_default="UTC")
    user: Mapped[AppUser] = relationship(back_populates="profile")

    def __str__(self) -> str:
        return label(self.user, self.job_title)


class Membership(Record, TenantModel):
    """A person's place in an organization."""

    __tablename__ = "membership"
    __table_args__ = (
        UniqueConstraint("org_id", "user_id"),
        one_of("role", MemberRole),
        Index("ix_membership_user_id", "user_id"),
    )

    org_id: Mapped[Key] = mapped_column(ForeignKey("organization.id", ondelete="CASCADE"))
    user_id: Mapped[Key] = mapped_column(ForeignKey("app_user.id", ondelete="CASCADE"))
    role: Mapped[str] = choice(MemberRole, MemberRole.BUYER)
    organization: Mapped[Organization] = relationship()
    user: Mapped[AppUser] = relationship(back_populates="memberships")

    def __str__(self) -> str:
        return label(self.user, self.organization)
