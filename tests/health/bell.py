"""Judges one rule at a time, with its patience, and says what fires."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import delete, update

from dashboard.alerts import queries, service
from dashboard.alerts.models import AlertState
from dashboard.core.db import db
from dashboard.health.models import Reading
from dashboard.health.queries import get_reading


class Bell:
    """The alerts of one rule; `limit` takes the place of the one in the file of rules."""

    def __init__(self, app: Flask, patch: pytest.MonkeyPatch) -> None:
        self.declared = service.rules()
        self.extensions, self.patch = app.extensions, patch
        self.clock = datetime.now(UTC)

    def _judge(self, rule: str, limit: float | None, seconds: float) -> None:
        declared = self.declared[rule]
        if limit is not None:
            declared = replace(declared, limit=limit)
        self.patch.setitem(self.extensions, "alert_rules", {rule: declared})
        self.clock += timedelta(seconds=seconds)
        service.evaluate(self.clock)

    def reasons(self, rule: str, limit: float | None = None) -> dict[str, str]:
        """Judge now and once the breach has lasted: the reasons of what fires, by subject."""
        self._judge(rule, limit, 0.001)
        self._judge(rule, limit, self.declared[rule].for_seconds)
        firing = [alert for alert in queries.list_alerts(rule) if alert.state == AlertState.FIRING]
        return {alert.subject: alert.reason.replace("\N{NO-BREAK SPACE}", " ") for alert in firing}

    def is_quiet(self, rule: str, limit: float | None = None) -> bool:
        """Judge now and once it has been well for long enough: whether nothing fires and all is known."""
        self._judge(rule, limit, 0.001)
        self._judge(rule, limit, self.declared[rule].clear_seconds)
        found = queries.list_alerts(rule)
        assert not [alert.doubt for alert in found if alert.doubt]
        return {alert.state for alert in found} == {AlertState.OK}


def forget_readings() -> None:
    """Begin with nothing read."""
    db.session.execute(delete(Reading))


def forget_the_last_minute(key: str) -> None:
    """Let the rates of a reading begin anew, as they do when a minute has passed."""
    reading = get_reading(key)
    assert reading is not None
    data: dict[str, Any] = {**reading.data, "marks": []}
    db.session.execute(update(Reading).where(Reading.key == key).values(data=data))
    db.session.expire(reading)


@contextmanager
def links(url: str, count: int) -> Iterator[list[psycopg2.extensions.connection]]:
    """Open so many connections."""
    with ExitStack() as stack:
        found = [psycopg2.connect(url) for _ in range(count)]
        for link in found:
            stack.callback(link.close)
        yield found


def run(link: psycopg2.extensions.connection, statement: str) -> None:
    """Run a statement in a connection, inside its transaction."""
    with link.cursor() as at:
        at.execute(statement)
