"""The pages of failover: from stored rows and readings, with the ERP away as well."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete
from sqlalchemy.orm import Session

from dashboard.backups.drills.models import Drill
from dashboard.core.config import Member, Settings
from dashboard.failover import queries
from dashboard.failover.models import Kind, Rehearsal, Status
from dashboard.failover.patroni import watching
from dashboard.failover.patroni.client import Event, Node, View
from dashboard.failover.rehearsal.from_backup import why_backup
from dashboard.health.models import Reading
from dashboard.health.service import plain, store_reading
from dashboard.jobs.models import JobRun
from dashboard.jobs.store import control_transaction
from dashboard.replication.service import READING

Login = Callable[..., FlaskClient]
PAGE = "/database/failover/"
MINE = (queries.REHEARSE, *queries.CHANGES)
AWAY = "postgresql://127.0.0.1:9/erp"


@pytest.fixture(autouse=True)
def only_ours(app: Flask, control: Session) -> Iterator[None]:
    """Begin without evidence and readings; remove the runs that buttons commit on their own connection."""
    for model in (Rehearsal, Reading):
        control.execute(delete(model))
    yield
    with control_transaction() as session:
        session.execute(delete(JobRun).where(JobRun.job.in_(MINE)))


@pytest.fixture
def cluster_settings(app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two members, none of which answers."""

    def member(name: str) -> Member:
        return Member(name=name, zone=name[-1], region="here", mode="async", url=AWAY)

    found = settings.model_copy(
        update={"primary": member("az-a"), "standbys": (member("az-b"), member("dr"))}
    )
    monkeypatch.setitem(app.extensions, "steward_settings", found)
    return found


@pytest.fixture
def under_patroni(
    app: Flask, cluster_settings: Settings, control: Session, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """The same with Patroni, as it was last read."""
    found = cluster_settings.model_copy(update={"patroni_url": "http://127.0.0.1:9"})
    monkeypatch.setitem(app.extensions, "steward_settings", found)
    nodes = [
        Node("pa", "leader", "running", "10.0.0.1", 5432, 3),
        Node("pb", "sync_standby", "streaming", "10.0.0.2", 5432, 3, 1024),
    ]
    scheduled = {"at": "2030-01-01T00:00:00+00:00", "from": "pa", "to": "pb"}
    view = View(nodes, False, scheduled, [Event(2, 100, "switchover", "2026-01-01", "pa")], "erp", "4.1.5")
    store_reading(watching.READING, plain(view), every=20)
    control.commit()
    return found


def plain_spaces(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def standby(name: str, **changes: Any) -> dict[str, Any]:
    row = {"name": name, "zone": "b", "region": "here", "mode": "async", "state": "streaming", "level": "ok"}
    return (
        row
        | {"notes": [], "sync_state": "async", "flush_bytes": 2048, "flush_seconds": 0.5, "timeline": 1}
        | changes
    )


def store_replication(control: Session, error: str = "", **changes: Any) -> None:
    values = {
        "primary": None if error else {"timeline": 1, "position": 1},
        "primary_error": error,
        "primary_name": "az-a",
        "standbys": [standby("az-b"), standby("dr", state="missing", flush_bytes=None, level="critical")],
        "writers": [] if error else ["az-a"],
        "others": [],
        "slots": [],
    }
    store_reading(READING, values | changes, every=10)
    control.commit()


def add(control: Session, **changes: Any) -> Rehearsal:
    begun = datetime.now(UTC) - timedelta(days=2)
    step = {"name": "copy", "began_at": begun.isoformat(), "seconds": 3.0, "text": "Copied.", "state": "done"}
    check = {
        "name": "c",
        "title": "Sound",
        "subject": "acme",
        "status": "failed",
        "detail": "odd",
        "seconds": 1,
    }
    values: dict[str, Any] = {
        "kind": Kind.REHEARSAL,
        "status": Status.DONE,
        "actor": "dba@example.com",
        "started_at": begun,
        "finished_at": begun + timedelta(seconds=20),
        "outage_ms": 850.0,
        "lost_rows": 0,
        "lost_bytes": 0,
        "from_server": "copy 1",
        "to_server": "copy 2",
        "steps": [step],
        "report": {
            "checks": [check],
            "source": {"name": "az-b", "role": "a standby"},
            "probe": {"writes": 90},
        },
    }
    row = Rehearsal(**(values | changes))
    control.add(row)
    control.commit()
    return row


def test_page_answers_before_anything_was_read(cluster_settings: Settings, login: Login) -> None:
    answer = login("dba").get(PAGE)
    assert answer.status_code == 200
    assert "not been read yet" in answer.text
    assert "No failover yet" in answer.text


def test_page_is_closed_to_staff(login: Login) -> None:
    assert login("staff", tenant="acme").get(PAGE).status_code == 403


def test_page_shows_who_could_take_over_and_what_would_be_lost(
    cluster_settings: Settings, control: Session, login: Login
) -> None:
    store_replication(control)
    add(control)
    text = plain_spaces(login("dba").get(PAGE).text)
    for words in (
        "az-a",
        "Switch over to az-b",
        "Promote dr",
        "Rejoin dr",
        "2.0 KiB",
        "unknown",
        "Passed",
        "850",
    ):
        assert words in text, words


def test_page_with_the_primary_away_says_what_to_do(
    cluster_settings: Settings, control: Session, login: Login
) -> None:
    store_replication(control, "connection refused")
    text = login("dba").get(PAGE).text
    assert "No primary answers." in text
    assert "Promote az-b" in text
    assert "Switch over to az-b" not in text


def test_two_primaries_are_named(cluster_settings: Settings, control: Session, login: Login) -> None:
    store_replication(control, writers=["az-a", "dr"])
    assert "az-a and dr both take writes" in login("dba").get(PAGE).text


@pytest.mark.parametrize(
    ("status", "words"),
    [(Status.FAILED, "Failover failed"), (Status.BROKEN, "Rehearsal broken"), (Status.RUNNING, "Under way")],
    ids=["failed", "broken", "running"],
)
def test_evidence_says_how_it_ended_and_what_to_do(
    control: Session, login: Login, status: Status, words: str
) -> None:
    row = add(control, status=status, error="for a reason")
    browser = login("dba")
    text = browser.get(f"{PAGE}{row.id}").text
    for part in (words, "for a reason", "Tenant acme", "1 failed", "850", "Copied."):
        assert part in text, part
    assert words in browser.get(PAGE).text
    assert browser.get(f"{PAGE}999999").status_code == 404


def test_overview_card_follows_the_evidence(
    cluster_settings: Settings, control: Session, login: Login
) -> None:
    browser = login("dba")
    assert "Never rehearsed" in browser.get("/database/").text
    add(control)
    assert "acknowledged rows lost: 0" in browser.get("/database/").text
    add(
        control,
        status=Status.FAILED,
        error="it did not promote",
        started_at=datetime.now(UTC),
        finished_at=None,
    )
    assert "it did not promote" in browser.get("/database/").text


def test_rehearsal_is_asked_for_once(cluster_settings: Settings, control: Session, login: Login) -> None:
    browser = login("dba")
    first = browser.post(PAGE)
    assert first.status_code == 302
    assert browser.post(PAGE).location == first.location
    text = browser.get(first.location).text
    assert "Rehearse a failover" in text
    assert "waits for a worker" in text
    assert "waits for a worker" in browser.get(f"{first.location}/live").text
    assert login("staff", tenant="acme").post(PAGE).status_code == 403


def test_switchover_asks_for_name_and_reason(
    cluster_settings: Settings, control: Session, login: Login
) -> None:
    store_replication(control)
    browser, url = login("dba"), f"{PAGE}switch-over/az-b"
    page = browser.get(url).text
    for words in ("Could be lost now", "Nothing: it is", "az-a is stopped in order", "Type"):
        assert words in page, words
    assert browser.post(url, data={"confirmation": "az-b"}).status_code == 422
    assert "Type az-b, exactly" in browser.post(url, data={"confirmation": "dr", "reason": "a test"}).text
    asked = browser.post(url, data={"confirmation": "az-b", "reason": "a test", "backup": "y"})
    assert asked.status_code == 302
    with control_transaction() as session:
        (run,) = session.query(JobRun).filter_by(job=queries.SWITCH_OVER)
        assert run.args == {"target": "az-b", "reason": "a test", "backup": True}
    assert browser.get(asked.location).status_code == 200
    assert "is under way" in browser.get(url).text
    assert browser.post(url, data={"confirmation": "az-b", "reason": "again"}).status_code == 409


@pytest.mark.parametrize(
    ("action", "job", "expected"),
    [
        ("promote", queries.PROMOTE, {"target": "dr", "backup": False, "despite_loss": True}),
        ("rejoin", queries.REJOIN, {"member": "dr"}),
    ],
    ids=["promote", "rejoin"],
)
def test_change_tells_its_job_what_was_asked(
    cluster_settings: Settings,
    control: Session,
    login: Login,
    action: str,
    job: str,
    expected: dict[str, Any],
) -> None:
    store_replication(control, "connection refused")
    form = {"confirmation": "dr", "reason": "the primary burns", "despite_loss": "y"}
    assert login("dba").post(f"{PAGE}{action}/dr", data=form).status_code == 302
    with control_transaction() as session:
        (run,) = session.query(JobRun).filter_by(job=job)
        assert run.args == expected | {"reason": "the primary burns"}


def test_page_of_patroni_shows_members_and_its_own_wishes(under_patroni: Settings, login: Login) -> None:
    browser = login("dba")
    text = plain_spaces(browser.get(PAGE).text)
    for words in (
        "pb",
        "Reinitialize pb",
        "Pause Patroni",
        "2030-01-01",
        "switchover",
        "version 4.1.5",
        "1.0 KiB",
    ):
        assert words in text, words
    assert "whatever the state" in browser.get(f"{PAGE}promote/pb").text
    assert browser.get(f"{PAGE}patroni/pause").status_code == 200
    asked = browser.post(f"{PAGE}patroni/pause", data={"confirmation": "pause", "reason": "work"})
    assert asked.status_code == 302
    with control_transaction() as session:
        (run,) = session.query(JobRun).filter_by(job=queries.PATRONI)
        assert run.args == {"action": "pause", "member": "", "reason": "work"}


def test_wishes_of_patroni_are_not_there_without_it(cluster_settings: Settings, login: Login) -> None:
    assert login("dba").get(f"{PAGE}patroni/pause").status_code == 404


def test_progress_of_other_jobs_is_not_shown_here(control: Session, login: Login) -> None:
    assert login("dba").get(f"{PAGE}runs/00000000-0000-0000-0000-000000000000").status_code == 404


def test_latest_backup_is_restored_where_that_is_known_to_be_quicker(
    settings: Settings, control: Session
) -> None:
    known = settings.model_copy(update={"backup_url": "postgresql+psycopg2://copier@127.0.0.1:9/erp"})
    assert "no login" in why_backup(settings, 1000)
    assert why_backup(known, 1000) == ""  # nothing was measured yet
    add(control, report={"copy": {"bytes": 1000, "seconds": 60.0}})
    now = datetime.now(UTC)
    drill = Drill(server="main", outcome="passed", actor="x", started_at=now, cluster_bytes=1000)
    drill.phases = {"fetch": 10.0, "checks": 500.0}
    control.add(drill)
    control.flush()
    assert "about 10 s" in plain_spaces(why_backup(known, 1000))
    drill.phases = {"fetch": 100.0}
    control.flush()
    assert why_backup(known, 1000) == ""
