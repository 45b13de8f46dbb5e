"""Owns the database handles: one session, four engines, three families of tables."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, ClassVar

from flask import Flask, Response, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, Engine, MetaData, event, func
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import NullPool

from dashboard.core.config import Settings

NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}
READ_ONLY = "25006"  # read_only_sql_transaction, PostgreSQL appendix A
TYPES: Mapping[Any, Any] = {datetime: DateTime(timezone=True)}


class ControlModel(DeclarativeBase):
    """A table of the control database: Steward's own memory."""

    metadata = MetaData(naming_convention=NAMING, info={"bind_key": "control"})
    type_annotation_map: ClassVar[Any] = TYPES


class SharedModel(DeclarativeBase):
    """A table of schema `public` in the ERP cluster, shared by all tenants."""

    metadata = MetaData(schema="public", naming_convention=NAMING)
    type_annotation_map: ClassVar[Any] = TYPES


class TenantModel(DeclarativeBase):
    """A table that every tenant schema has; it names no schema, the search_path does."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[Any] = TYPES


class Timestamps:
    """When a row came to be and when it last changed, by the database's clock."""

    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.clock_timestamp())


class _UnusedModel(DeclarativeBase):
    """Flask-SQLAlchemy wants a base of its own; our models derive from the three above."""


db = SQLAlchemy(model_class=_UnusedModel, session_options={"expire_on_commit": False})


def init_app(app: Flask, settings: Settings) -> None:
    """Configure the engines. Nothing connects until it is used."""
    connect = connect_arguments(settings)
    pooled = {
        "pool_size": settings.pool_size,
        "max_overflow": settings.pool_overflow,
        "pool_pre_ping": settings.pool_pre_ping,
        "pool_recycle": 1800,
        "echo": settings.echo,
        "connect_args": connect,
    }
    rare = {"poolclass": NullPool, "connect_args": connect}
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = pooled
    app.config["SQLALCHEMY_BINDS"] = {
        "control": {"url": settings.control_url, **pooled},
        "owner": {"url": settings.database_direct_url, **rare},
        "monitor": {"url": settings.database_monitor_url, **rare},
    }
    db.init_app(app)
    app.after_request(_end_reading)


def _end_reading(response: Response) -> Response:
    """Commit a page that only read: PostgreSQL would count its end as a rollback and the health page warn."""
    is_reading = request.method == "GET" and response.status_code < HTTPStatus.BAD_REQUEST
    session = db.session()
    if is_reading and not response.is_streamed and not (session.new or session.dirty or session.deleted):
        session.commit()
    return response


@event.listens_for(Engine, "handle_error")
def forget_standby(context: ExceptionContext) -> None:
    """A write was refused because its server is a standby now: the pool forgets its connections to it.

    The request fails, the next one connects anew, to whoever is the primary. A read-only transaction on a
    primary is refused alike, and nothing is wrong with its connection.
    """
    if getattr(context.original_exception, "pgcode", None) != READ_ONLY or context.connection is None:
        return
    link = context.connection.connection.dbapi_connection
    if link is not None and link.info.parameter_status("in_hot_standby") == "on":
        context.is_disconnect = True


def connect_arguments(settings: Settings) -> dict[str, Any]:
    """Return libpq arguments: short waits, so that a dead server is noticed and not waited for."""
    arguments = {"connect_timeout": 3, "application_name": "steward", "tcp_user_timeout": 20_000}
    return arguments | ({"sslmode": settings.database_sslmode} if settings.database_sslmode else {})
