"""A CSV larger than any buffer on its way."""

import pytest
from flask import Flask
from sqlalchemy import func, select

from dashboard.core.db import db
from dashboard.records import export
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant

ROWS = 200_000


@pytest.mark.commits
def test_export_goes_on_after_the_request_gave_its_connection_back(app: Flask, acme: TenantRef) -> None:
    with app.app_context(), use_tenant(acme, actor="tester@example.com") as session:
        pieces = export.stream(session, select(func.generate_series(1, ROWS)))
        first = next(pieces)
        db.session.remove()  # what happens before an answer is sent
        db.session.scalar(select(1))  # the next request, on the connection that was given back
        whole = first + b"".join(pieces)
        db.session.remove()
        assert whole.count(b"\n") == ROWS + 1
        assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
