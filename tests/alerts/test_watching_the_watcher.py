"""The schedule process judges the rules when no job can."""

from threading import Event

from flask import Flask
from sqlalchemy.orm import Session

from dashboard import schedule
from dashboard.alerts import queries


class Twice(Event):
    """Asks to stop after the first pause."""

    paused = 0

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout == schedule.WATCH_SECONDS
        self.paused += 1
        return self.paused > 1


def test_schedule_process_judges_what_no_job_judged(app: Flask, control: Session) -> None:
    stop = Twice()
    schedule._watch(app, stop)
    assert stop.paused == 2
    assert queries.evaluated_at() is not None
    assert queries.list_alerts("health.broker_away")[0].unknown_at is None  # it looked by itself


def test_rules_are_judged_by_a_timed_job_of_the_probes() -> None:
    timed = {entry.job: entry.every for entry in schedule.SCHEDULES}
    assert timed["alerts.evaluate"] == 10
    assert timed["backups.look_at_wal"] == 10
