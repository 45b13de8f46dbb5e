"""Loading a tenant's old state beside the live one, row by row and right by right."""

import pytest

from dashboard.core.db import db
from dashboard.tenants.rewinding import definition
from dashboard.tenants.rewinding.loading import transaction
from tests.tenants.rewinding.past import Past

pytestmark = pytest.mark.commits


def differences(past: Past) -> list[str]:
    with transaction(db.engines["owner"]) as connection:
        return definition.differences(connection, past.tenant.schema, past.beside)


def test_what_is_loaded_equals_what_was(past: Past) -> None:
    before, sequences = past.truth(), past.sequences()
    then = past.copy()
    past.sql("DELETE FROM message; UPDATE supplier SET name = name || ' damaged'")
    loaded = past.load(then)
    assert loaded.notes == []
    assert past.truth(past.beside) == before
    assert past.truth() != before
    assert past.sequences(past.beside) == sequences
