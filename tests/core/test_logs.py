"""No secret reaches a log line."""

import json
from typing import Any

import structlog
from flask import Flask, g

from dashboard.core import logs


def line(event: str, **fields: str) -> dict[str, Any]:
    """What the configured processors make of an event."""
    logs.configure()
    entry: Any = {"event": event, **fields}
    for processor in structlog.get_config()["processors"]:
        entry = processor(None, "info", entry)
    written: dict[str, Any] = json.loads(entry)
    return written


def test_fields_named_like_secrets_are_blanked() -> None:
    written = line("login", password="hunter2", reset_token="abc", name="Ada")
    assert (written["password"], written["reset_token"], written["name"]) == ("…", "…", "Ada")


def test_passwords_inside_addresses_are_blanked() -> None:
    written = line("away", error="cannot reach postgresql://app:hunter2@db/erp now")
    assert written["error"] == "cannot reach postgresql://app:…@db/erp now"


def test_events_of_a_request_carry_its_id(app: Flask) -> None:
    with app.test_request_context():
        g.request_id = "abc"
        assert line("saved")["request_id"] == "abc"
    assert "request_id" not in line("saved")
