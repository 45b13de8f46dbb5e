"""Records of every entity in acme, and a browser that may do everything there."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.core.db import db
from dashboard.erp.models import StockBalance
from dashboard.records.spec import Spec
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests import factories


def stock_balance(**values: Any) -> StockBalance:
    """Balances follow from moves."""
    move = factories.StockMoveFactory(**values)
    place = {"product_id": move.product_id, "warehouse_id": move.warehouse_id}
    return db.session.scalars(select(StockBalance).filter_by(**place)).one()


FACTORIES: dict[str, Callable[..., Any]] = {
    made._meta.model.__tablename__: made
    for name, made in vars(factories).items()
    if name.endswith("Factory") and getattr(made, "_meta", None) and made._meta.model
} | {"stock_balance": stock_balance}


@pytest.fixture
def specs(app: Flask) -> dict[str, Spec]:
    """Every screen's compiled declaration by entity."""
    return {entity: screen.spec for entity, screen in app.extensions["records"].items()}


@pytest.fixture
def make(app: Flask, acme: TenantRef) -> Callable[..., Any]:
    """Store a record of an entity for good (within the test) and return it, detached."""

    def store(entity: str, **values: Any) -> Any:
        with use_tenant(acme, actor="maker@example.com") as session:
            record = FACTORIES[entity](**values)
            session.commit()
            session.refresh(record)
            return record

    return store


@pytest.fixture
def stored(acme: TenantRef) -> Callable[..., Any]:
    """Read a record as it is stored now."""

    def read(model: Any, row_id: int) -> Any:
        with use_tenant(acme, actor="reader@example.com") as session:
            return session.get(model, row_id)

    return read


@pytest.fixture
def staff(login: Callable[..., FlaskClient]) -> FlaskClient:
    """A browser of someone with the role staff in acme."""
    return login("staff", tenant="acme")
