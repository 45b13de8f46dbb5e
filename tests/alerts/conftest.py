"""No alert and no reading is there before a test: others of the session leave theirs."""

import pytest
from flask import Flask
from sqlalchemy import delete
from sqlalchemy.orm import Session

from dashboard.alerts.models import Alert, AlertEvent
from dashboard.health.models import Reading


@pytest.fixture(autouse=True)
def unobserved(app: Flask, control: Session) -> None:
    """Begin with nothing read and nothing judged; rolled back afterwards."""
    for model in (AlertEvent, Alert, Reading):
        control.execute(delete(model))
