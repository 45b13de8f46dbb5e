"""Short sessions on the control database, beside the one of the request."""

from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.users.models import Operator


def own_session() -> Session:
    """Open a session whose work stands by itself, whether or not the request commits."""
    return Session(db.session.get_bind(mapper=Operator), join_transaction_mode="create_savepoint")
