"""The replication page and the pages that steer the synchronous copy, from stored readings."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from dashboard.core.config import Settings
from dashboard.health.models import Reading, thaw
from dashboard.health.service import store_reading
from dashboard.jobs.models import JobRun
from dashboard.jobs.store import control_transaction
from dashboard.replication import reviewing, service, settings_review
from dashboard.replication.models import Cause, DurabilityLoss
from dashboard.replication.picturing import draw
from dashboard.replication.probes import Frozen, Waiting
from dashboard.replication.synchronous.declared import DEGRADE_AFTER, SYNCHRONOUS
from dashboard.replication.synchronous.steering import STEERING
from dashboard.replication.synchronous.wanted import Wanted
from dashboard.servers import free_port
from dashboard.settings import queries as settings_queries
from tests.replication.building import AA, AZ, DR, NOW, judged, own, primary, reading_of, sender, show, slot

Login = Callable[..., FlaskClient]
PAGE = "/database/replication"
JOBS = ("replication.set_synchronous", "replication.degrade", "replication.restore_synchronous")
SYNC = Wanted(("az-b",), degrade_after=30, by_setting=True)


@pytest.fixture
def expecting(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: Settings = app.extensions["steward_settings"]
    changed = settings.model_copy(update={"primary": AA, "standbys": (AZ, DR)})
    monkeypatch.setitem(app.extensions, "steward_settings", changed)


@pytest.fixture
def asked_for(app: Flask) -> Iterator[None]:
    """Remove what the buttons commit on their own connection."""
    yield
    with control_transaction() as session:
        session.execute(delete(JobRun).where(JobRun.job.in_(JOBS)))


def last_asked(control: Session, job: str) -> JobRun:
    found = control.scalar(select(JobRun).where(JobRun.job == job))
    assert found is not None
    return found


def test_page_shows_each_standby_and_says_no_recent_traffic(
    expecting: None, control: Session, login: Login
) -> None:
    missing = judged(primary(slots=(slot(name="az_b"),)), None, expected=AZ, own_error="refused")
    show(control, missing, judged(primary(sender(), slots=(slot(),)), own()))
    html = login("dba").get(PAGE).text
    assert "Missing" in html
    assert "no recent traffic" in html
    assert "barman_receive_wal" in html
    assert "Not checked yet" not in html
    card = reviewing.card()
    assert (card.status, card.headline) == ("critical", "1 of 2 standbys stream")


def test_card_names_every_standby_that_is_not_well(control: Session, app: Flask) -> None:
    missing = judged(primary(), None, expected=AZ, own_error="refused")
    show(control, judged(primary(sender()), own(paused=True)), missing)
    card = reviewing.card()
    assert (card.status, card.headline) == ("critical", "0 of 2 standbys stream")
    assert card.text.startswith("az-b is missing.")
    assert card.text.endswith("dr is paused.")


WAITING = Frozen(3, 12.0, NOW, [Waiting("steward_app", "steward", "tenant_acme, public", 3, NOW)])


def test_page_explains_frozen_commits_and_offers_to_go_on(
    expecting: None, control: Session, login: Login
) -> None:
    away = judged(primary(), None, expected=AZ, own_error="x")
    show(control, away, names="az-b", frozen=WAITING, wanted=SYNC)
    html = login("dba").get(PAGE).text
    assert "Commits are frozen." in html
    assert "3 commits wait for az-b" in html
    assert "lets them go on without the copy after 30" in html
    assert "acme, public" in html
    assert f"{PAGE}/degrade" in html


def test_page_without_the_primary_keeps_what_the_standbys_say(
    expecting: None, control: Session, login: Login
) -> None:
    show(control, judged(None, own()), error="connection refused")
    html = login("dba").get(PAGE).text
    assert "The ERP primary does not answer." in html
    assert "Unknown while the primary is away." in html


def test_two_primaries_come_first(expecting: None, control: Session, login: Login) -> None:
    promoted = judged(primary(), own(in_recovery=False))
    show(control, promoted, writers=["az-a", "dr"])
    html = login("dba").get(PAGE).text
    assert "2 servers take writes: az-a and dr." in html
    assert html.index("Two servers take writes.") < html.index("Picture")
    assert reviewing.card().headline == "Two servers take writes"


def test_synchronous_standby_that_is_away_warns_before_anything_freezes(
    expecting: None, control: Session, login: Login
) -> None:
    show(control, judged(primary(), None, expected=AZ, own_error="x"), names="az-b", wanted=SYNC)
    html = login("dba").get(PAGE).text
    assert "which is not there: the next one freezes." in html.replace("\n", " ")


def test_running_without_a_copy_is_said_with_its_history(
    expecting: None, control: Session, login: Login
) -> None:
    now = datetime.now(UTC)
    control.add_all(
        [
            DurabilityLoss(standby="az-b", cause=Cause.AUTOMATIC, reason="The limit is 30 s.", commits=4),
            DurabilityLoss(
                standby="dr",
                cause=Cause.OPERATOR,
                actor="ada@example.com",
                since=now - timedelta(hours=2),
                until=now - timedelta(hours=1),
                since_lsn="0/0",
                until_lsn="0/2000000",
                closed_by="system",
                closing="dr confirms commits again.",
            ),
        ]
    )
    show(control, judged(primary(), None, expected=AZ, own_error="x"), wanted=SYNC)
    html = login("dba").get(PAGE).text
    assert "Running without synchronous copy since" in html
    assert "The limit is 30 s." in html
    assert "ada@example.com" in html
    assert "32.0\N{NO-BREAK SPACE}MiB" in html
    assert "confirms commits again" in html
    assert reviewing.card().text.startswith("Running without synchronous copy since")


def test_what_steward_could_not_do_is_said_with_the_statement(
    expecting: None, control: Session, login: Login
) -> None:
    show(control, judged(primary(), None, expected=AZ, own_error="x"), wanted=SYNC)
    trouble = {"step": "degrade", "trouble": "permission denied", "sql": "ALTER SYSTEM SET x = '';"}
    store_reading(STEERING, trouble, every=10)
    data = {"servers": [], "login": "steward_owner", "may_apply": False}
    store_reading(settings_review.READING, data, every=30)
    html = login("dba").get(PAGE).text
    assert "permission denied" in html
    assert "ALTER SYSTEM SET x" in html
    assert "GRANT ALTER SYSTEM ON PARAMETER synchronous_standby_names TO steward_owner;" in html
    assert "The primary does not do what is wanted." in html


def test_settings_that_are_wrong_stand_with_reason_and_statement(
    expecting: None, control: Session, login: Login
) -> None:
    show(control, judged(primary(sender()), own()))
    row = {"name": "fsync", "value": "off", "wanted": "on", "level": "critical", "why": "A crash destroys."}
    wrong = {**row, "fix": "ALTER SYSTEM SET fsync = 'on';", "restart": False}
    right = {**row, "name": "wal_level", "level": "ok", "fix": "", "restart": False}
    servers = [
        {"name": "az-a", "role": "primary", "error": "", "level": "critical", "checks": [wrong, right]},
        {"name": "dr", "role": "unknown", "error": "refused", "level": "unknown", "checks": []},
    ]
    data = {"servers": servers, "login": "steward_owner", "may_apply": True}
    store_reading(settings_review.READING, data, every=30)
    html = login("dba").get(PAGE).text
    assert "A crash destroys." in html
    assert "ALTER SYSTEM SET fsync" in html
    assert "1 of 2 settings are as the strategy asks" in html
    assert "so its settings are not known" in html


def test_no_standby_expected_is_no_promise_kept(control: Session, login: Login) -> None:
    show(control)
    assert "No standby is expected" in login("dba").get(PAGE).text
    assert reviewing.card().status == "none"


def test_all_well_is_said_in_one_sentence(control: Session, app: Flask) -> None:
    show(control, judged(primary(sender(), slots=(slot(),)), own()))
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
    assert settings_review.review(away) == {"": "unknown", "dr": "unknown"}


@pytest.mark.parametrize("width", [340, 680], ids=["phone", "desk"])
def test_picture_shows_regions_zones_lag_and_the_stream_of_barman(width: int) -> None:
    slots = (slot(name="az_b"), slot())
    near = judged(primary(sender(name="az-b", sync_state="quorum"), slots=slots), own(), expected=AZ)
    far = judged(primary(sender(replay_bytes=2048, replay_seconds=3.0), slots=slots), own(timeline=2))
    picture = draw(thaw(reading_of(near, far)), width)
    assert [frame.title for frame in picture.frames] == ["Region local", "Region far", "Backups and others"]
    assert [box.title for box in picture.boxes] == ["az-a", "az-b", "dr", "Barman"]
    assert [arrow.below for arrow in picture.arrows[:2]] == ["synchronous", "asynchronous"]
    assert picture.arrows[1].above == "2.0\N{NO-BREAK SPACE}KiB, 3\N{NO-BREAK SPACE}s"
    assert picture.boxes[2].lines[0] == "zone a, timeline 2"
    assert all(box.x + box.width <= width and box.y + box.height <= picture.height for box in picture.boxes)
    assert len(picture.sentences) == 4


def test_picture_breaks_the_line_to_who_is_away() -> None:
    away = judged(primary(), None, expected=AZ, own_error="x")
    picture = draw(thaw(reading_of(away, wanted=SYNC)), 340)
    assert (picture.arrows[0].broken, picture.arrows[0].above) == (True, "unknown")
    assert picture.arrows[0].below == "no stream"
    alone = judged(primary(sender(name="az-b")), own(), expected=AZ)
    far = judged(primary(sender(replay_bytes=500 * 2**20, replay_seconds=7265.0)), own())
    arrows = draw(thaw(reading_of(alone, far, wanted=SYNC)), 340).arrows
    assert [arrow.below for arrow in arrows[:2]] == ["not synchronous", "asynchronous"]
    assert arrows[1].above == "500\N{NO-BREAK SPACE}MiB"  # the arrow of a phone is short
    without = draw(thaw(reading_of(judged(None, own()), error="refused")), 340)
    assert without.boxes[0].state == "primary, away"


FORM = {"synchronous": "on", "standby": "nearest", "degrade_after": "45 s", "restore": "automatic"}


def test_dba_switches_the_copy_on_and_a_job_applies_it(
    expecting: None, asked_for: None, control: Session, login: Login
) -> None:
    browser = login("dba")
    html = browser.get(f"{PAGE}/synchronous").text
    assert "az-b: zone b, local" in html
    answer = browser.post(f"{PAGE}/synchronous", data=FORM)
    assert answer.status_code == 302
    run = last_asked(control, JOBS[0])
    assert (run.actor, run.queue, run.lock) == (
        browser.email,  # type: ignore[attr-defined]
        "urgent",
        "replication.synchronous",
    )
    assert settings_queries.value(SYNCHRONOUS) == "on"
    assert settings_queries.value(DEGRADE_AFTER) == 45
    again = browser.post(f"{PAGE}/synchronous", data=FORM | {"degrade_after": "never", "standby": "az-b, dr"})
    assert again.status_code == 302
    assert settings_queries.value(DEGRADE_AFTER) == 0
    assert 'value="az-b, dr"' in browser.get(f"{PAGE}/synchronous").text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"degrade_after": "soon"}, "Write a length of time"),
        ({"degrade_after": "2 s"}, "It must lie between"),
        ({"synchronous": ""}, "Please correct"),
    ],
    ids=["no length", "too short", "nothing chosen"],
)
def test_wish_that_makes_no_sense_is_refused(
    expecting: None, control: Session, login: Login, changes: dict[str, str], words: str
) -> None:
    answer = login("dba").post(f"{PAGE}/synchronous", data=FORM | changes)
    assert answer.status_code == 422
    assert words in answer.text


def test_degrading_needs_the_standbys_name_and_a_reason(
    expecting: None, asked_for: None, control: Session, login: Login
) -> None:
    browser = login("dba")
    away = judged(primary(), None, expected=AZ, own_error="x")
    show(control, away, names='ANY 1 ("az-b")', frozen=WAITING, wanted=SYNC)
    assert "3 commits wait for az-b" in browser.get(f"{PAGE}/degrade").text
    wish = {"reason": "Its disk died.", "restore": "by_hand", "confirmation": "az-b"}
    for missing in ({"reason": ""}, {"confirmation": "az"}):
        assert browser.post(f"{PAGE}/degrade", data=wish | missing).status_code == 422
    assert "Type az-b, exactly." in browser.post(f"{PAGE}/degrade", data=wish | {"confirmation": "b"}).text
    assert browser.post(f"{PAGE}/degrade", data=wish).status_code == 302
    assert last_asked(control, JOBS[1]).args == {"reason": "Its disk died.", "restore": "by_hand"}
    for button, job in (("restore", JOBS[2]), ("synchronous/apply", JOBS[0])):
        assert browser.post(f"{PAGE}/{button}").status_code == 302
        assert last_asked(control, job)


def test_nothing_is_given_up_where_nobody_is_waited_for(
    expecting: None, control: Session, login: Login
) -> None:
    show(control, judged(primary(sender()), own()))
    answer = login("dba").get(f"{PAGE}/degrade", follow_redirects=True)
    assert "there is nothing to give up" in answer.text


@pytest.mark.parametrize("path", ["synchronous", "degrade"])
def test_steering_is_closed_to_who_may_not(path: str, control: Session, login: Login) -> None:
    assert login("staff", tenant="acme").get(f"{PAGE}/{path}").status_code == 403


def test_page_is_stale_data_with_its_time_when_probes_rest(
    expecting: None, control: Session, login: Login
) -> None:
    data: dict[str, Any] = reading_of(judged(primary(sender()), own()))
    store_reading(service.READING, data, every=10)
    minute_ago = datetime.now(UTC) - timedelta(minutes=1)
    control.execute(update(Reading).where(Reading.key == service.READING).values(taken_at=minute_ago))
    control.commit()
    assert "These figures are old" in login("dba").get(PAGE).text
