"""What the dials say of a stored measurement, and of one that cannot be made."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from dashboard.backups import dials, reviewing, rpo
from dashboard.backups.copies.models import BackupCopy
from dashboard.backups.rpo import Measurement, Path, Seen
from dashboard.core.config import Settings
from dashboard.health.queries import get_reading
from dashboard.health.service import plain, store_reading
from dashboard.metrics.service import record
from dashboard.settings import service as setting_service
from dashboard.settings.service import Change
from tests.backups.test_pages import add_backup

Login = Callable[..., FlaskClient]
NOW = datetime.now(UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def store(control: Session, *, seen: Any = None, trail: Any = (), **path: Any) -> None:
    """Store a measurement of two seconds ago; by default the archive is behind since a while."""
    known: dict[str, Any] = {"position": 900, "clock_at": ago(2)} | (seen or {})
    primary = Seen(**known)
    measured: dict[str, Any] = {"state": rpo.BEHIND, "end": 500} | path
    archive = Path("archive", "Archive", "main", **measured)
    others = [
        Path(
            "sync",
            "Synchronous standby",
            state=rpo.NOT_EXPECTED,
            reason="None is expected.",
        ),
        Path("dr", "DR standby", "dr", rpo.HELD, end=900, safe_until_at=ago(2)),
    ]
    found = Measurement(ago(2), primary, [archive, *others], list(trail))
    store_reading(rpo.READING, plain(found), every=10)
    control.commit()


def archive() -> dials.Dial:
    return dials.current(NOW)[0]


def test_nothing_measured_is_no_data_with_its_reason(app: Flask, control: Session) -> None:
    found = dials.current()
    assert [dial.figure for dial in found] == [None, None, None]
    assert all("not been measured yet" in dial.reason for dial in found)
    assert {dial.status for dial in found} == {"unknown"}


def test_what_is_behind_grows_between_two_measurements(app: Flask, control: Session) -> None:
    store(control, safe_until_at=ago(12))
    assert archive().seconds == pytest.approx(12)
    assert dials.current(NOW + timedelta(seconds=5))[0].seconds == pytest.approx(17)


def test_what_is_held_is_nought_until_measuring_stops(app: Flask, control: Session) -> None:
    store(control, state=rpo.HELD, safe_until_at=ago(2))
    assert (archive().seconds, archive().status) == (0, "ok")
    later = dials.current(NOW + timedelta(minutes=5))[0]
    assert later.seconds == pytest.approx(302)
    assert later.status == "stale"
    assert "not been measured since" in later.reason


def test_clock_of_the_primary_counts_not_this_machines(app: Flask, control: Session) -> None:
    store(control, safe_until_at=ago(12), seen={"skew_seconds": 3.0})
    assert archive().seconds == pytest.approx(15)


@pytest.mark.parametrize(("seconds", "status"), [(100, "ok"), (1_900, "warning"), (3_700, "critical")])
def test_dial_is_judged_by_the_promise(app: Flask, control: Session, seconds: int, status: str) -> None:
    store(control, safe_until_at=ago(seconds))
    assert archive().status == status


def test_dial_follows_a_changed_promise(app: Flask, control: Session) -> None:
    store(control, safe_until_at=ago(100))
    setting_service.save("backups.rpo_seconds", Change("1 min"), actor="a@example.com")
    assert (archive().status, archive().limit, archive().share) == ("critical", 60, 100)


def test_while_the_primary_is_down_its_loss_is_told_from_the_time_since(app: Flask, control: Session) -> None:
    seen = {"clock_at": ago(70), "down_since_at": ago(60), "error": "connection refused"}
    store(control, safe_until_at=ago(100), seen=seen)
    dial = archive()
    assert dial.seconds == pytest.approx(100)
    assert dial.lost_at_least == pytest.approx(30)
    assert dial.lost_at_most == pytest.approx(40)


def test_death_of_a_primary_that_was_held_whole_costs_next_to_nothing(app: Flask, control: Session) -> None:
    seen = {"clock_at": ago(70), "down_since_at": ago(60), "error": "connection refused"}
    store(control, state=rpo.HELD, safe_until_at=ago(61), seen=seen)
    dial = archive()
    assert dial.lost_at_least == 0
    assert dial.lost_at_most == pytest.approx(1)
    assert dial.seconds == pytest.approx(61)


def trail(*pairs: tuple[float, float]) -> list[dict[str, datetime]]:
    return [{"at": ago(at), "safe_until_at": ago(safe)} for at, safe in pairs]


def test_promise_that_is_used_up_at_full_pace_says_when_it_breaks(app: Flask, control: Session) -> None:
    store(control, safe_until_at=ago(600), trail=trail((60, 600), (2, 600)))
    pace = archive().pace
    assert pace is not None
    assert pace.rate == pytest.approx(1)
    assert pace.breaks_at == NOW + timedelta(seconds=3000)
    assert archive().status == "warning"


def test_promise_that_is_not_used_up_has_no_end(app: Flask, control: Session) -> None:
    store(control, safe_until_at=ago(600), trail=trail((60, 658), (2, 600)))
    assert archive().pace is None
    store(control, safe_until_at=ago(30), trail=trail((60, 30), (2, 30)))
    assert archive().pace is None  # what archive_timeout leaves open by itself


def test_scale_reaches_from_nothing_to_the_promise() -> None:
    assert (dials.scale(0, 3600), dials.scale(3600, 3600), dials.scale(9999, 3600)) == (0, 100, 100)
    assert [tick.words for tick in dials.ticks(3600)] == ["1 s", "10 s", "1 min", "10 min", "1 h"]
    assert [tick.words for tick in dials.ticks(60)] == ["1 s", "10 s", "1 min"]


def test_history_draws_the_peaks_of_what_was_measured(app: Flask, control: Session) -> None:
    for second in range(60):
        record({"rpo.archive": 40.0 if second == 30 else 0.0}, at=ago(120 - second))
    chart = dials.history(timedelta(hours=1))
    assert [series.name for series in chart.series] == ["Archive"]
    assert max(value for value in chart.series[0].values if value is not None) == 40
    option = chart.option()
    assert (option["yAxis"]["type"], option["yAxis"]["min"]) == ("log", 0.1)
    assert min(mark["value"] for mark in option["series"][0]["data"] if mark["value"] is not None) == 0.1


def test_window_reaches_what_has_arrived_since_it_was_read(app: Flask, control: Session) -> None:
    window = {
        "from_at": ago(900).isoformat(),
        "until_at": ago(60).isoformat(),
        "last_wal": "x",
        "has_gap": False,
    }
    store_reading("backups.repository", {"version": "3", "checks": [], "window": window}, every=60)
    store(control, safe_until_at=ago(4))
    reading = get_reading("backups.repository")
    assert reviewing.window_of(reading)["until_at"] == ago(4)
    store_reading("backups.repository", {"checks": [], "window": window | {"is_cut": True}}, every=60)
    reading = get_reading("backups.repository")
    assert reviewing.window_of(reading)["until_at"] == ago(60)


def page(login: Login) -> str:
    answer = login("dba").get("/database/backups/")
    assert answer.status_code == 200
    return answer.text


@pytest.fixture
def away(settings: Settings) -> Settings:
    """Settings that lead to a primary and a Barman that are not there."""
    dead = "postgresql+psycopg2://nobody:nothing@127.0.0.1:9/none"
    return settings.model_copy(update={"database_monitor_url": dead, "barman_config": None})


def test_page_answers_and_says_so_while_the_primary_is_down(
    control: Session, login: Login, away: Settings
) -> None:
    add_backup(control, "20260101T000000")
    store(control, safe_until_at=ago(12))
    rpo.measure(away)
    control.commit()
    html = page(login)
    assert "The primary has not answered since" in html
    assert "Barman is not set up" in html
    assert "No data" in html


def test_figure_is_kept_while_the_primary_is_down(control: Session, away: Settings, app: Flask) -> None:
    add_backup(control, "20260101T000000")
    store(control, safe_until_at=ago(12))
    rpo.measure(away)
    found = rpo.parse(get_reading(rpo.READING))
    assert found is not None
    assert found.primary.position == 900
    first_down = found.primary.down_since_at
    assert first_down is not None
    rpo.measure(away)
    again = rpo.parse(get_reading(rpo.READING))
    assert again is not None
    assert again.primary.down_since_at == first_down  # since when, not when last seen so


def test_page_answers_and_says_so_while_the_other_place_is_down(control: Session, login: Login) -> None:
    add_backup(control, "20260101T000000")
    reason = "Could not connect to the endpoint"
    control.add(
        BackupCopy(
            kind="offsite", subject="20260101T000000", status="failed", reason=reason, actor="schedule"
        )
    )
    control.commit()
    assert reason in page(login)


def test_page_shows_dials_pace_and_missing_wal(control: Session, login: Login) -> None:
    add_backup(control, "20260101T000000")
    reason = "WAL file 000000010000000000000007 is missing: a restore ends before it."
    store(control, safe_until_at=ago(600), reason=reason, trail=trail((60, 600), (2, 600)))
    html = page(login)
    assert "at this pace" in html
    assert reason in html
    assert "None is expected." in html
    assert 'class="dial-value"' in html


def test_card_says_why_nothing_is_known_of_the_archive(control: Session, app: Flask) -> None:
    add_backup(control, "20260101T000000")
    window = {
        "from_at": ago(900).isoformat(),
        "until_at": ago(60).isoformat(),
        "last_wal": "x",
        "has_gap": False,
    }
    store_reading("backups.repository", {"version": "3", "checks": [], "window": window}, every=60)
    store(control, state=rpo.NO_DATA, end=None, reason="The folder cannot be read.")
    card = reviewing.card("main")
    assert (card.status, card.text) == ("critical", "The folder cannot be read.")
