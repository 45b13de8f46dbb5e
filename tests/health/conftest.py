"""A bell for alert rules, with nothing read before."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.health.bell import Bell, forget_readings


@pytest.fixture
def bell(app: Flask, control: Session, monkeypatch: pytest.MonkeyPatch) -> Bell:
    """Judge one rule at a time; rolled back afterwards."""
    forget_readings()
    return Bell(app, monkeypatch)
