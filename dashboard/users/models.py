"""Tables of the people who log in: operators, grants, sessions, tokens, login attempts (control database)."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.core.db import ControlModel, Timestamps
from dashboard.users.roles import Role

EMAIL_LENGTH = 254  # RFC 5321 path limit


class Operator(Timestamps, ControlModel):
    """A person who can log in to Steward. The e-mail address is stored in lower case."""

    __tablename__ = "operator"
    __table_args__ = (CheckConstraint("email = lower(email)", name="email_is_lower_case"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    email: Mapped[str] = mapped_column(String(EMAIL_LENGTH), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    is_active: Mapped[bool] = mapped_column(default=True, server_default="true")
    timezone: Mapped[str] = mapped_column(String(64), default="UTC", server_default="UTC")
    locale: Mapped[str] = mapped_column(String(16), default="en", server_default="en")
    last_login_at: Mapped[datetime | None]

    grants: Mapped[list["Grant"]] = relationship(
        back_populates="operator", cascade="all, delete-orphan", order_by="Grant.id"
    )

    @property
    def status(self) -> str:
        """Return `inactive`, `invited` (no password yet) or `active`."""
        if not self.is_active:
            return "inactive"
        return "active" if self.password_hash else "invited"


class Grant(ControlModel):
    """A role given to an operator, for one tenant or (without a slug) for all."""

    __tablename__ = "operator_grant"
    __table_args__ = (
        CheckConstraint("role IN ('staff', 'manager', 'dba', 'admin')", name="role_is_known"),
        # Two indexes, since NULLS NOT DISTINCT needs PostgreSQL 15 and we run on 14.
        Index("uq_operator_grant_tenant", "operator_id", "role", "tenant_slug", unique=True),
        Index(
            "uq_operator_grant_everywhere",
            "operator_id",
            "role",
            unique=True,
            postgresql_where=text("tenant_slug IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id", ondelete="CASCADE"))
    role: Mapped[str] = mapped_column(String(16))
    tenant_slug: Mapped[str | None] = mapped_column(String(63))
    granted_at: Mapped[datetime] = mapped_column(server_default=func.now())

    operator: Mapped[Operator] = relationship(back_populates="grants")

    @property
    def title(self) -> str:
        """The role as people say it, with where it counts."""
        return f"{Role(self.role).label} ({self.tenant_slug or 'all tenants'})"


class OperatorSession(ControlModel):
    """A login on one device. Only the hash of its token is kept."""

    __tablename__ = "operator_session"
    __table_args__ = (Index("ix_operator_session_operator_id", "operator_id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id", ondelete="CASCADE"))
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    is_remembered: Mapped[bool] = mapped_column(default=False, server_default="false")
    ip: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(300))
    revoked_at: Mapped[datetime | None]


class OperatorToken(ControlModel):
    """A link sent by mail, good for one use: an invitation or a password reset."""

    __tablename__ = "operator_token"
    __table_args__ = (
        CheckConstraint("purpose IN ('invite', 'reset')", name="purpose_is_known"),
        Index("ix_operator_token_operator_id", "operator_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.id", ondelete="CASCADE"))
    purpose: Mapped[str] = mapped_column(String(8))
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class LoginAttempt(ControlModel):
    """One try to log in, kept for throttling. It counts as failed until it is known to have worked."""

    __tablename__ = "login_attempt"
    __table_args__ = (
        Index("ix_login_attempt_email_ip_at", "email", "ip", "at"),
        Index("ix_login_attempt_ip_at", "ip", "at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    email: Mapped[str] = mapped_column(String(EMAIL_LENGTH))
    ip: Mapped[str] = mapped_column(String(45))
    ok: Mapped[bool] = mapped_column(default=False, server_default="false")
