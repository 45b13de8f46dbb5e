"""Conditions that need no cluster: what breaks them, what they say, and when they cannot know."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dashboard.alerts import jobs, queries, service
from dashboard.alerts.models import Alert
from dashboard.alerts.registry import Answer, Unknown, Watch, all_conditions
from dashboard.backups import rpo
from dashboard.backups.drills.models import Drill, Verification
from dashboard.backups.models import Backup
from dashboard.backups.queries import REPOSITORY
from dashboard.backups.watching.service import look_at_wal
from dashboard.core.config import Settings
from dashboard.health import alerting as health
from dashboard.health import refreshing
from dashboard.health.models import Reading
from dashboard.health.service import plain, store_reading
from dashboard.jobs.locks import try_lock
from dashboard.replication.service import READING as REPLICATION
from dashboard.servers import Valkey, free_port, scratch_folder

NOW = datetime.now(UTC)


def ask(rule: str, *, now: datetime | None = None) -> Answer:
    return all_conditions()[rule].function(Watch(now or NOW, service.rules()[rule].threshold()))


def reasons(rule: str, *, now: datetime | None = None) -> dict[str, str]:
    answer = ask(rule, now=now)
    assert not isinstance(answer, Unknown), answer.reason
    return {breach.subject: breach.reason for breach in answer}


def doubt(rule: str) -> str:
    answer = ask(rule)
    assert isinstance(answer, Unknown), answer
    return answer.reason


@pytest.fixture
def with_barman(app: Flask, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings with a Barman whose repository is an empty folder."""
    (tmp_path / "main" / "wals").mkdir(parents=True)
    config = tmp_path / "barman.conf"
    config.write_text(f"[barman]\nbarman_home = {tmp_path}\n[main]\nslot_name = barman_main\n")
    monkeypatch.setitem(
        app.extensions, "steward_settings", settings.model_copy(update={"barman_config": config})
    )
    return config


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of a few megabytes."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk, and not everywhere")
    try:
        yield folder
    finally:
        unmount = ["umount", str(folder)]
        subprocess.run(unmount, check=True)


@pytest.mark.breaks("health.disk_filling", "health.disk_nearly_full")
def test_disk_that_is_filled_up_is_seen_and_clears(
    app: Flask, control: Session, settings: Settings, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", 8) as home:
        small = settings.model_copy(update={"home": home})
        rules = ("health.disk_filling", "health.disk_nearly_full")
        expected: tuple[tuple[int, tuple[str, ...]], ...] = ((1, ()), (7, rules[:1]), (8, rules), (2, ()))
        for megabytes, breached in expected:
            (home / "file").write_bytes(b"x" * (megabytes * 2**20 - 200_000))
            refreshing.refresh_activity(small)
            assert tuple(rule for rule in rules if reasons(rule)) == breached
            if megabytes == 8:
                said = reasons(rules[1])[""].replace("\N{NO-BREAK SPACE}", " ")
                assert f"of the disk of {home} is used" in said
                assert "of 8.0 MiB" in said


def test_disk_is_judged_by_the_limit_of_its_rule(app: Flask, control: Session, settings: Settings) -> None:
    """The same with the real disk, where nobody may mount another: the limit is set below what is used."""
    refreshing.refresh_activity(settings)
    condition = all_conditions()["health.disk_nearly_full"].function
    assert not isinstance(answer := condition(Watch(NOW, 0.0001)), Unknown)
    assert len(answer) == 1
    assert condition(Watch(NOW, 1.0)) == []


@pytest.mark.breaks("health.broker_away")
def test_dead_broker_is_seen_and_judged_without_any_job(
    app: Flask, control: Session, settings: Settings
) -> None:
    """A real Valkey is killed: no job can run, so the schedule process looks and judges."""
    with scratch_folder() as folder:
        valkey = Valkey(folder / "broker", free_port(), "secret", append_only=True)
        valkey.ensure_initialised()
        valkey.start()
        seen = settings.model_copy(update={"broker_url": valkey.url(0)})

        def look_and_judge() -> str:
            control.execute(update(Alert).values(checked_at=NOW - timedelta(minutes=1)))
            control.commit()
            assert jobs.evaluate_if_missed(lambda: health.look_at_broker(seen))
            return str(queries.list_alerts("health.broker_away")[0].state)

        try:
            assert look_and_judge() == "ok"
            valkey.kill()
            assert look_and_judge() == "firing"
            assert "refused" in queries.list_alerts("health.broker_away")[0].reason
            valkey.start()
            health.look_at_broker(seen)
            assert reasons("health.broker_away") == {}
        finally:
            valkey.stop()


@pytest.mark.breaks("health.cache_away")
def test_dead_cache_is_seen_and_clears(app: Flask, control: Session, settings: Settings) -> None:
    """A real Valkey is killed and started again."""
    with scratch_folder() as folder:
        valkey = Valkey(folder / "cache", free_port(), "secret", append_only=False)
        valkey.ensure_initialised()
        valkey.start()
        seen = settings.model_copy(update={"cache_url": valkey.url(1)})

        def state(seconds: int) -> str:
            refreshing.refresh_activity(seen)
            service.evaluate(NOW + timedelta(seconds=seconds))
            return str(queries.list_alerts("health.cache_away")[0].state)

        try:
            assert state(0) == "ok"
            valkey.kill()
            assert [state(10), state(31)] == ["pending", "firing"]
            valkey.start()
            assert [state(40), state(101)] == ["firing", "ok"]
        finally:
            valkey.stop()


def test_job_that_judges_in_time_is_left_to_it(app: Flask, control: Session) -> None:
    service.evaluate()
    control.commit()
    assert not jobs.evaluate_if_missed(lambda: pytest.fail("it looked"))


def test_two_never_judge_at_once(app: Flask) -> None:
    with try_lock(jobs.EVALUATE):
        assert not jobs.evaluate_if_missed(lambda: pytest.fail("it looked"))


def test_away_control_database_is_waited_for(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise SQLAlchemyError("gone")

    monkeypatch.setattr(queries, "evaluated_at", away)
    assert not jobs.evaluate_if_missed(lambda: None)


def test_job_judges_every_rule(app: Flask, control: Session) -> None:
    found = jobs.evaluate(None)  # type: ignore[arg-type]  # it asks nothing of its run
    assert found["ok"] == len(service.rules())


@pytest.mark.breaks("health.probes_stale")
def test_probe_that_stands_still_is_named(app: Flask, control: Session, settings: Settings) -> None:
    refreshing.refresh_activity(settings)
    assert reasons("health.probes_stale") == {}
    old = datetime.now(UTC) - timedelta(seconds=31)
    control.execute(update(Reading).where(Reading.key == refreshing.DISK).values(taken_at=old))
    control.expire_all()
    found = reasons("health.probes_stale")
    said = found[""].replace("\N{NO-BREAK SPACE}", " ")
    assert said.startswith("1 probe stands still: health.disk (every 10 s). The first of them last ran at")
    assert "was last read at" in doubt("health.disk_nearly_full")
    refreshing.refresh_activity(settings)
    assert reasons("health.probes_stale") == {}


def test_after_a_standstill_of_steward_the_probes_have_a_minute(app: Flask, control: Session) -> None:
    now = datetime.now(UTC)

    def state_at(seconds: int) -> tuple[str, bool]:
        service.evaluate(now + timedelta(seconds=seconds))
        alert = control.get_one(Alert, ("health.probes_stale", ""))
        return alert.state, alert.unknown_at is not None

    store_reading(refreshing.DISK, {}, "", every=10)
    service.evaluate(now)
    control.execute(update(Reading).values(taken_at=now - timedelta(minutes=9), failed_at=None))
    control.expire_all()
    assert [state_at(seconds) for seconds in (300, 310, 350)] == [("ok", True)] * 3
    assert [state_at(seconds) for seconds in (360, 370)] == [("firing", False)] * 2


def test_away_server_is_not_known_once_nobody_asks_it(app: Flask, control: Session) -> None:
    store_reading(refreshing.CACHE, {}, "connection refused", every=10)
    assert "connection refused Pages work without it" in reasons("health.cache_away")[""]
    old = datetime.now(UTC) - timedelta(minutes=5)
    control.execute(update(Reading).values(failed_at=old))
    control.expire_all()
    assert "was last asked at" in doubt("health.cache_away")
    assert "never" in doubt("health.broker_away")


def test_unread_is_not_known_with_its_error(app: Flask, control: Session) -> None:
    assert doubt("health.disk_filling") == "The disk has not been read yet."
    store_reading(refreshing.DISK, {}, "no such folder", every=10)
    assert doubt("health.disk_filling") == "The disk has not been read yet. no such folder"


def archiver(**changed: Any) -> None:
    found = {
        "last_failed_at": None,
        "last_archived_at": NOW.isoformat(),
        "last_failed_wal": None,
        "last_archived_wal": "000000010000000000000001",
        "failed": 0,
        "waiting_files": 0,
    }
    store_reading(refreshing.ACTIVITY, {"archiver": {**found, **changed}}, every=10)


def test_archiver_that_works_again_is_well(app: Flask, control: Session) -> None:
    archiver(last_failed_at=(NOW - timedelta(seconds=9)).isoformat(), failed=7)
    assert reasons("backups.archiver_failing") == {}
    archiver(last_failed_at=(NOW + timedelta(seconds=9)).isoformat(), failed=8, last_failed_wal="0A")
    assert "on 0A, 8 times in all" in reasons("backups.archiver_failing")[""]


@pytest.mark.parametrize(("files", "breached"), [(15, 0), (16, 1), (127, 1), (128, 2)])
def test_queue_of_the_archiver_has_two_limits(
    app: Flask, control: Session, files: int, breached: int
) -> None:
    archiver(waiting_files=files)
    rules = ("backups.archive_queue_long", "backups.archive_queue_very_long")
    assert sum(len(reasons(rule)) for rule in rules) == breached


def test_conditions_over_the_archiver_do_not_know_without_the_primary(app: Flask, control: Session) -> None:
    archiver()
    store_reading(refreshing.ACTIVITY, {}, "connection refused", every=10)
    for rule in ("backups.archiver_failing", "backups.archive_queue_long"):
        assert "could not be read: connection refused" in doubt(rule)


def backup(control: Session, ended_ago: timedelta, **changed: Any) -> Backup:
    end = NOW - ended_ago
    facts = {"status": "DONE", "kind": "full", "end_at": end, "begin_at": end, **changed}
    made = Backup(server="main", backup_id=f"{end:%Y%m%dT%H%M%S}", **facts)
    control.add(made)
    control.flush()
    return made


@pytest.mark.breaks("backups.too_old")
def test_backup_gets_too_old_by_the_clock(app: Flask, control: Session) -> None:
    made = backup(control, timedelta(hours=1))
    assert reasons("backups.too_old") == {}
    later = NOW + timedelta(hours=2, minutes=1)
    said = reasons("backups.too_old", now=later)[""].replace("\N{NO-BREAK SPACE}", " ")
    assert said == f"The newest backup {made.backup_id} ended 3 h 1 min ago; 3 h is promised."
    backup(control, timedelta(minutes=-115))
    assert reasons("backups.too_old", now=later) == {}


def test_no_backup_at_all_is_a_breach_once_the_catalogue_was_read(app: Flask, control: Session) -> None:
    assert "has not been read yet" in doubt("backups.too_old")
    store_reading(REPOSITORY, {"checks": []}, every=60)
    assert reasons("backups.too_old") == {"": "There is no backup to restore from."}


def test_damaged_backup_fires_until_it_is_proven_or_gone(app: Flask, control: Session) -> None:
    made = backup(control, timedelta(hours=1))

    def verified(*, passed: bool) -> None:
        control.add(
            Verification(
                server="main",
                backup_id=made.backup_id,
                method="checksum",
                passed=passed,
                reason="checksum mismatch",
                broken_file="base.tar.gz",
            )
        )
        control.flush()

    verified(passed=False)
    assert (
        "by checksum: base.tar.gz checksum mismatch" in reasons("backups.verification_failed")[made.backup_id]
    )
    verified(passed=True)
    assert reasons("backups.verification_failed") == {}
    verified(passed=False)
    made.gone_at = NOW
    control.flush()
    assert reasons("backups.verification_failed") == {}


@pytest.mark.breaks("backups.verification_overdue", "drills.overdue")
@pytest.mark.parametrize(("rule", "days"), [("backups.verification_overdue", 1), ("drills.overdue", 8)])
def test_proof_gets_overdue_by_the_clock(app: Flask, control: Session, rule: str, days: int) -> None:
    assert reasons(rule) == {}  # without a backup there is nothing to prove
    made = backup(control, timedelta(days=days, hours=1))
    assert "has never passed" in reasons(rule)[""]
    proof = {"server": "main", "backup_id": made.backup_id, "method": "checksum", "passed": True}
    control.add(Verification(**proof, at=NOW))
    control.add(Drill(server="main", outcome="passed", actor="x", started_at=NOW, finished_at=NOW))
    control.flush()
    assert reasons(rule) == {}
    assert "last passed at" in reasons(rule, now=NOW + timedelta(days=days, minutes=5))[""]


@pytest.mark.breaks("drills.backup_broken", "drills.drill_broken")
def test_last_drill_speaks(app: Flask, control: Session) -> None:
    def drill(outcome: str, minutes: int) -> tuple[bool, bool]:
        at = NOW + timedelta(minutes=minutes)
        control.add(
            Drill(server="main", outcome=outcome, actor="x", started_at=at, finished_at=at, reason="no space")
        )
        control.flush()
        return bool(reasons("drills.backup_broken")), bool(reasons("drills.drill_broken"))

    assert (reasons("drills.backup_broken"), reasons("drills.drill_broken")) == ({}, {})
    assert drill("backup_broken", 0) == (True, False)
    assert drill("cancelled", 1) == (True, False)
    assert drill("drill_broken", 2) == (False, True)
    assert "no space" in reasons("drills.drill_broken")[""]
    assert drill("passed", 3) == (False, False)


def measured(risk: float, *, pace: float = 1.0, **path: Any) -> None:
    """Store a measurement: `risk` seconds in the archive, growing by `pace` seconds a second for a minute."""
    now = datetime.now(UTC)
    safe = now - timedelta(seconds=risk)
    trail = []
    for ago in (60, 30, 0):
        at = now - timedelta(seconds=ago)
        trail.append({"at": at, "safe_until_at": safe - timedelta(seconds=ago * (1 - pace))})
    archive = rpo.Path(rpo.ARCHIVE, "Archive", state=rpo.BEHIND, safe_until_at=safe, end=1)
    paths = [rpo.Path(**{**vars(archive), **path}), rpo.Path(rpo.SYNC, "Synchronous standby")]
    found = rpo.Measurement(now, rpo.Seen(position=2, clock_at=now), paths, trail)
    store_reading(rpo.READING, plain(found), every=10)


def test_more_at_risk_than_promised(app: Flask, control: Session) -> None:
    assert "has not been read yet" in doubt("backups.rpo_missed")
    measured(3500)
    assert reasons("backups.rpo_missed") == {}
    measured(3690, reason="WAL file 0A is missing.")
    said = reasons("backups.rpo_missed")["Archive"].replace("\N{NO-BREAK SPACE}", " ")
    assert "Archive: 1 h 1 min of work would be lost, 1 h is promised." in said
    assert said.endswith("WAL file 0A is missing.")
    measured(0, safe_until_at=None, reason="There is no backup to start a restore from.")
    assert doubt("backups.rpo_missed") == "There is no backup to start a restore from."
    assert doubt("backups.rpo_burning") == "There is no backup to start a restore from."


@pytest.mark.parametrize(
    ("risk", "pace", "words"),
    [
        (100, 1.0, None),  # not much yet
        (600, 0.05, None),  # it recovers
        (600, 1.0, "so the promise is broken in 50 min"),
        (3700, 1.0, "so the promise is broken."),
    ],
)
def test_fast_burn(app: Flask, control: Session, risk: float, pace: float, words: str | None) -> None:
    measured(risk, pace=pace)
    said = reasons("backups.rpo_burning").get("", "").replace("\N{NO-BREAK SPACE}", " ")
    assert (words in said) if words else not said


def test_conditions_of_barman_rest_where_it_is_not_used(app: Flask, control: Session) -> None:
    for rule in ("wal_gap", "receive_wal_dead", "slot_missing", "checks_failing", "failed"):
        assert reasons(f"backups.{rule}") == {}


@pytest.mark.breaks("backups.repository_away")
def test_repository_that_cannot_be_read(
    app: Flask, control: Session, with_barman: Path, settings: Settings
) -> None:
    used = settings.model_copy(update={"barman_config": with_barman})
    assert doubt("backups.wal_gap") == "The repository's WAL has not been read yet."
    assert look_at_wal(used) == ""
    assert reasons("backups.repository_away") == {}
    assert reasons("backups.wal_gap") == {}
    (with_barman.parent / "main" / "wals").rmdir()
    assert "cannot be listed" in look_at_wal(used)
    assert "cannot be listed" in reasons("backups.repository_away")[""]
    assert "could not be read" in doubt("backups.wal_gap")
    (with_barman.parent / "main" / "wals").mkdir()
    assert look_at_wal(used) == ""
    assert reasons("backups.repository_away") == {}


def test_checks_that_fail_are_named(app: Flask, control: Session, with_barman: Path) -> None:
    assert "has not been read yet" in doubt("backups.checks_failing")
    checks = [{"name": "wal maximum age", "passed": False}, {"name": "directories", "passed": True}]
    store_reading(REPOSITORY, {"checks": checks}, every=60)
    assert reasons("backups.checks_failing")[""] == "barman check says no to: wal maximum age."


def replication(**changed: Any) -> None:
    store_reading(REPLICATION, {**QUIET, **changed}, every=10)


QUIET: dict[str, Any] = {
    "primary": {"lsn": "0/0", "synchronous_names": "az-b"},
    "primary_error": "",
    "frozen": None,
    "standbys": [],
    "others": [],
    "slots": [],
}
STANDBY = {
    "name": "dr",
    "mode": "async",
    "state": "streaming",
    "notes": [],
    "replay_seconds": 31.0,
    "replay_bytes": 5_000_000,
}


def test_standby_far_behind(app: Flask, control: Session) -> None:
    replication(standbys=[STANDBY])
    assert "Replay is 31" in reasons("replication.lagging")["dr"]
    replication(standbys=[{**STANDBY, "replay_seconds": None}])  # no recent traffic
    assert reasons("replication.lagging") == {}


def test_slot_about_to_lose_wal(app: Flask, control: Session) -> None:
    slot = {"name": "dr", "wal_status": "unreserved", "inactive_at": NOW.isoformat()}
    replication(slots=[slot])
    assert "The slot dr keeps more WAL than" in reasons("replication.slot_at_risk")["dr"]
    assert "Its reader went away at" in reasons("replication.slot_at_risk")["dr"]
    assert reasons("replication.slot_lost") == {}


def test_commits_that_wait(app: Flask, control: Session) -> None:
    away = {**STANDBY, "mode": "sync", "name": "az-b", "state": "missing"}
    replication(frozen={"commits": 3, "seconds": 4.0}, standbys=[away])
    assert reasons("replication.commits_wait") == {}
    replication(frozen={"commits": 3, "seconds": 6.0}, standbys=[away])
    assert reasons("replication.commits_wait")[""].startswith("3 commits wait for az-b, the oldest for 6 s.")


RULES_OF_REPLICATION = (
    *("standby_missing", "replay_paused", "lagging", "commits_wait", "slot_lost", "slot_at_risk"),
)


@pytest.mark.parametrize("rule", RULES_OF_REPLICATION)
def test_conditions_of_replication_do_not_know_before_it_is_read(
    app: Flask, control: Session, rule: str
) -> None:
    assert "has not been read yet" in doubt(f"replication.{rule}")


def test_conditions_of_the_primary_do_not_know_without_it(
    app: Flask, control: Session, with_barman: Path, settings: Settings
) -> None:
    look_at_wal(settings.model_copy(update={"barman_config": with_barman}))
    replication(primary=None, primary_error="refused", last_primary={"clock_at": NOW.isoformat()})
    for rule in ("replication.slot_lost", "backups.receive_wal_dead", "backups.slot_missing"):
        answer = ask(rule)
        assert isinstance(answer, Unknown)
        assert answer == Unknown("The primary does not answer: refused", NOW)


def test_overview_card_says_what_is_not_known(app: Flask, control: Session) -> None:
    with app.test_request_context():
        assert health.card().status == "unknown"
        service.evaluate()
        assert health.card().headline == "Nothing fires"
        assert "nothing is known now" in health.card().text
        store_reading(refreshing.ACTIVITY, {}, "refused", every=10)
        service.evaluate(NOW + timedelta(seconds=60))
        service.evaluate(NOW + timedelta(seconds=120))
        card = health.card()
    assert (card.status, card.headline) == ("critical", "1 firing")
    assert control.scalars(select(Alert).where(Alert.state == "firing")).one().rule == "health.primary_away"
