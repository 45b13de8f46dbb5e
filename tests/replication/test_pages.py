"""The replication page, and the judgement of what both ends say."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from dashboard.core.config import Settings, Standby
from dashboard.health.service import plain, store_reading
from dashboard.replication import reviewing, service
from dashboard.replication.judging import StandbyState, judge_standby, worst_level
from dashboard.replication.probes import Frozen, Primary, PrimaryView, Receiver, Sender, Slot, StandbyView
from dashboard.servers import free_port

Login = Callable[..., FlaskClient]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DR = Standby(name="dr", zone="a", region="far", mode="async", url="postgresql://u@h/d")
AZ = Standby(name="az-b", zone="b", region="local", mode="sync", url="postgresql://u@h/d")
GIB = 2**30


def sender(**changes: Any) -> Sender:
    values: dict[str, Any] = {
        "pid": 7,
        "name": "dr",
        "state": "streaming",
        "sync_state": "async",
        "address": None,
        "connected_at": NOW,
        "replied_at": NOW,
        "sent_bytes": 0,
        "write_bytes": 0,
        "flush_bytes": 0,
        "replay_bytes": 0,
        "write_seconds": None,
        "flush_seconds": None,
        "replay_seconds": None,
    }
    return Sender(**(values | changes))


def slot(**changes: Any) -> Slot:
    values: dict[str, Any] = {
        "name": "dr",
        "kind": "physical",
        "active": True,
        "pid": 7,
        "retained_bytes": 0,
        "wal_status": "reserved",
        "safe_bytes": None,
        "inactive_at": None,
    }
    return Slot(**(values | changes))


def primary(*senders: Sender, slots: tuple[Slot, ...] = ()) -> PrimaryView:
    return PrimaryView(Primary(NOW, "0/64", 100, 1, ""), list(senders), list(slots), Frozen(0, None))


def own(**changes: Any) -> StandbyView:
    receiver = Receiver("streaming", "127.0.0.1", 1, "dr", NOW)
    values: dict[str, Any] = {
        "clock_at": NOW,
        "in_recovery": True,
        "version": "18",
        "paused": False,
        "received_position": 40,
        "replayed_position": 30,
        "last_transaction_at": NOW,
        "receiver": receiver,
    }
    return StandbyView(**(values | changes))


def judged(*args: Any, expected: Standby = DR, **kwargs: Any) -> StandbyState:
    return judge_standby(expected, *args, **kwargs)


def test_standby_that_catches_up_is_not_yet_streaming() -> None:
    found = judged(primary(sender(state="catchup")), own())
    assert (found.state, found.level) == ("catching_up", "warning")


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, "ok"),
        ({"replay_seconds": 31.0}, "warning"),
        ({"replay_seconds": 301.0}, "critical"),
        ({"replay_bytes": 2 * GIB}, "warning"),
        ({"replay_bytes": 11 * GIB}, "critical"),
    ],
)
def test_lag_is_judged_by_seconds_and_by_bytes(changes: dict[str, Any], level: str) -> None:
    assert judged(primary(sender(**changes)), own()).level == level


def test_streaming_row_wins_over_a_dying_one_of_the_same_name() -> None:
    assert judged(primary(sender(pid=1, state="startup"), sender()), own()).state == "streaming"


def test_expected_synchronous_standby_that_is_asynchronous_warns() -> None:
    row = sender(name="az-b")
    assert judged(primary(row), own(), expected=AZ).level == "warning"
    assert judged(primary(sender(name="az-b", sync_state="quorum")), own(), expected=AZ).level == "ok"


@pytest.mark.parametrize(("status", "level"), [("unreserved", "warning"), ("lost", "critical")])
def test_slot_that_loses_wal_is_an_alarm(status: str, level: str) -> None:
    assert judged(primary(sender(), slots=(slot(wal_status=status),)), own()).level == level


def test_slot_is_found_by_its_reader_or_by_the_expected_name() -> None:
    other = slot(name="named_otherwise", pid=7)
    assert judged(primary(sender(), slots=(slot(pid=1), other)), own()).slot == other
    assert judged(primary(slots=(slot(pid=None, active=False),)), None, own_error="x").slot is not None


def test_standby_that_streams_but_does_not_answer_says_so() -> None:
    found = judged(primary(sender()), None, own_error="timeout")
    assert found.state == "streaming"
    assert "timeout" in found.notes[0]


def test_cut_off_standby_is_measured_against_the_primary() -> None:
    found = judged(primary(), own(receiver=None))
    assert (found.state, found.flush_bytes, found.replay_bytes) == ("receiver_gone", 60, 70)
    unknown = judged(primary(), own(receiver=None, received_position=None, replayed_position=None))
    assert (unknown.flush_bytes, unknown.replay_bytes) == (None, None)


def test_without_the_primary_each_standby_speaks_for_itself() -> None:
    assert judged(None, own()).state == "unknown"
    assert judged(None, own(receiver=None)).state == "receiver_gone"
    assert judged(None, None, own_error="refused").state == "missing"
    assert worst_level([]) == "ok"


def show(control: Session, *standbys: StandbyState, error: str = "", commits: int = 0) -> None:
    view = None if error else primary(sender(name="barman_receive_wal"), slots=(slot(),))
    frozen = Frozen(commits, 12.0) if commits else None
    found = service.Replication(
        view.primary if view else None,
        error,
        frozen,
        list(standbys),
        view.senders if view else [],
        view.slots if view else [],
    )
    data = plain(found) | {"last_primary": None}
    store_reading(service.READING, data, every=10)
    control.commit()


@pytest.fixture
def expecting(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: Settings = app.extensions["steward_settings"]
    changed = settings.model_copy(update={"standbys": (AZ, DR)})
    monkeypatch.setitem(app.extensions, "steward_settings", changed)


def test_page_shows_each_standby_and_says_no_recent_traffic(
    expecting: None, control: Session, login: Login
) -> None:
    missing = judged(primary(slots=(slot(name="az_b"),)), None, expected=AZ, own_error="refused")
    show(control, missing, judged(primary(sender(), slots=(slot(),)), own()))
    html = login("dba").get("/database/replication").text
    assert "Missing" in html
    assert "never seen" in html
    assert "no recent traffic" in html
    assert "barman_receive_wal" in html
    card = reviewing.card()
    assert (card.status, card.headline) == ("critical", "1 of 2 standbys stream")


def test_card_names_every_standby_that_is_not_well(control: Session, app: Flask) -> None:
    missing = judged(primary(), None, expected=AZ, own_error="refused")
    show(control, judged(primary(sender()), own(paused=True)), missing)
    card = reviewing.card()
    assert (card.status, card.headline) == ("critical", "0 of 2 standbys stream")
    assert card.text.startswith("az-b is missing.")
    assert card.text.endswith("dr is paused.")


def test_page_says_when_commits_are_frozen_and_the_primary_is_away(
    expecting: None, control: Session, login: Login
) -> None:
    browser = login("dba")
    show(control, judged(None, None, expected=AZ, own_error="x"), commits=3)
    html = browser.get("/database/replication").text
    assert "Commits are frozen." in html
    assert "3 commits wait for az-b" in html
    show(control, judged(None, own()), error="connection refused")
    html = browser.get("/database/replication").text
    assert "The ERP primary does not answer." in html
    assert "Unknown while the primary is away." in html


def test_no_standby_expected_is_no_promise_kept(control: Session, login: Login) -> None:
    show(control)
    assert "No standby is expected" in login("dba").get("/database/replication").text
    assert reviewing.card().status == "none"


def test_all_well_is_said_in_one_sentence(control: Session, app: Flask) -> None:
    show(control, judged(primary(sender()), own()))
    assert reviewing.card().status == "ok"


def test_probe_of_servers_that_are_away_stores_what_is_known(
    app: Flask, control: Session, settings: Settings
) -> None:
    nowhere = f"postgresql://u@127.0.0.1:{free_port()}/d"
    away = settings.model_copy(
        update={"database_monitor_url": nowhere, "standbys": (DR.model_copy(update={"url": nowhere}),)}
    )
    assert service.refresh(away) == {"dr": "missing"}
    assert reviewing.card().headline == "The primary does not answer"
