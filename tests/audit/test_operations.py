"""What operators do is logged in the control database, and the log can only grow."""

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, InternalError

from dashboard.audit.queries import list_operations
from dashboard.audit.service import record_operation
from dashboard.core.db import db


@pytest.mark.commits
def test_an_operation_is_kept_at_once_and_cannot_be_changed(app: Flask) -> None:
    with app.app_context():
        record_operation("backup.start", "main", tenant="acme", size=1)
        entry = list_operations(db.session())[0]
        assert (entry.actor, entry.action, entry.target) == ("system", "backup.start", "main")
        assert entry.detail == {"size": 1}
        db.session.rollback()  # TRUNCATE would wait for this transaction's lock
        for statement in ("UPDATE operation SET actor = 'x'", "DELETE FROM operation", "TRUNCATE operation"):
            with (
                pytest.raises((IntegrityError, InternalError), match="append-only"),
                db.engines["control"].begin() as connection,
            ):
                connection.execute(text(statement))
