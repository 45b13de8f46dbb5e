"""Records to find, browsers to find them with, and what they ask the database."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from dashboard.core.db import db
from tests.records.conftest import make, staff

__all__ = ["make", "staff"]


@pytest.fixture
def statements(app: Flask, registry_kept: None) -> Iterator[list[str]]:
    """Every statement sent to the ERP database since the fixture began."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield sent
    event.remove(db.engine, "before_cursor_execute", note)
