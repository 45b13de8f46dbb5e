"""Rules over the evidence of failovers: each is broken, seen to fire, and to clear."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import delete
from sqlalchemy.orm import Session

from dashboard.alerts import service
from dashboard.alerts.registry import Answer, Unknown, Watch, all_conditions
from dashboard.backups.models import Backup
from dashboard.core.config import Member, Settings
from dashboard.failover.models import Kind, Rehearsal, Status
from dashboard.failover.patroni import watching
from dashboard.health.models import Reading


@pytest.fixture(autouse=True)
def with_a_standby(app: Flask, control: Session, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A standby is expected, and nothing was shown yet."""
    standby = Member(name="az-b", zone="b", region="r", mode="async", url="postgresql://127.0.0.1:9/erp")
    expecting = settings.model_copy(update={"standbys": (standby,)})
    monkeypatch.setitem(app.extensions, "steward_settings", expecting)
    for model in (Rehearsal, Backup, Reading):
        control.execute(delete(model))


def ask(rule: str, now: datetime | None = None) -> Answer:
    return all_conditions()[rule].function(Watch(now or datetime.now(UTC), service.rules()[rule].threshold()))


def reason(rule: str, now: datetime | None = None) -> str:
    """What a rule says; '' when it has nothing to say."""
    answer = ask(rule, now)
    assert not isinstance(answer, Unknown), answer.reason
    return " ".join(breach.reason for breach in answer)


def ended(control: Session, kind: Kind, status: Status, at: datetime, error: str = "") -> Rehearsal:
    row = Rehearsal(kind=kind, status=status, actor="x", started_at=at, finished_at=at, error=error)
    control.add(row)
    control.flush()
    return row


@pytest.mark.breaks("failover.overdue")
def test_proof_gets_overdue_by_the_clock(control: Session) -> None:
    now = datetime.now(UTC)
    assert reason("failover.overdue") == ""  # nothing is due before there is a cluster with a backup
    old = now - timedelta(days=93)
    control.add(Backup(server="main", backup_id="1", kind="full", status="DONE", begin_at=old, end_at=old))
    control.flush()
    assert "ever rehearsed" in reason("failover.overdue")
    ended(control, Kind.PROMOTION, Status.DONE, now)
    ended(control, Kind.REHEARSAL, Status.FAILED, now)
    assert "ever rehearsed" in reason("failover.overdue")  # neither proves anything
    ended(control, Kind.REHEARSAL, Status.DONE, now)
    assert reason("failover.overdue") == ""
    assert "The last rehearsal" in reason("failover.overdue", now + timedelta(days=93))
    ended(control, Kind.SWITCHOVER, Status.DONE, now + timedelta(days=92))
    assert reason("failover.overdue", now + timedelta(days=93)) == ""


def test_nothing_is_due_without_a_standby(
    app: Flask, control: Session, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.extensions, "steward_settings", settings)
    ended(control, Kind.REHEARSAL, Status.DONE, datetime.now(UTC) - timedelta(days=400))
    assert reason("failover.overdue") == ""


@pytest.mark.breaks("failover.failed", "failover.rehearsal_broken")
def test_last_rehearsal_speaks(control: Session) -> None:
    now = datetime.now(UTC)

    def rehearsal(status: Status, minutes: int) -> tuple[str, str]:
        ended(control, Kind.REHEARSAL, status, now + timedelta(minutes=minutes), "no space")
        return reason("failover.failed"), reason("failover.rehearsal_broken")

    assert (reason("failover.failed"), reason("failover.rehearsal_broken")) == ("", "")
    failed, broken = rehearsal(Status.FAILED, 0)
    assert ("no space" in failed, broken) == (True, "")
    failed, broken = rehearsal(Status.BROKEN, 1)
    assert (failed, "no space" in broken) == ("", True)
    assert rehearsal(Status.DONE, 2) == ("", "")


@pytest.mark.breaks("failover.patroni_away")
def test_patroni_that_does_not_answer_fires(
    app: Flask, control: Session, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reason("failover.patroni_away") == ""  # it is not configured
    away = settings.model_copy(update={"patroni_url": "http://127.0.0.1:9"})
    monkeypatch.setitem(app.extensions, "steward_settings", away)
    assert isinstance(ask("failover.patroni_away"), Unknown)
    assert isinstance(ask("failover.patroni_paused"), Unknown)
    watching.refresh(away)
    assert "127.0.0.1:9" in reason("failover.patroni_away")
    control.query(Reading).filter_by(key=watching.READING).update(
        {"error": "", "failed_at": None, "taken_at": datetime.now(UTC)}
    )
    assert reason("failover.patroni_away") == ""
