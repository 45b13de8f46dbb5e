"""Timed jobs: when they are due, and that each slot runs once."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text

from dashboard.core.db import db
from dashboard.core.errors import ConflictError, NotFoundError
from dashboard.jobs import broker, queries, timing
from dashboard.jobs.models import JobRun, ScheduleState
from dashboard.jobs.registry import find_job
from dashboard.jobs.runner import perform
from dashboard.jobs.slots import Schedule, next_slot, previous_slot
from dashboard.jobs.store import control_transaction
from dashboard.schedule import SCHEDULES, serve
from tests.jobs.conftest import StartWorker, read, wait_for

pytestmark = pytest.mark.commits
ADD = Schedule("test.add", "test.add", "Add", every=2, args={"a": 1, "b": 2})
DAILY = Schedule("test.daily", "test.add", "Add daily", cron="30 2 * * *", args={"a": 1, "b": 2})
MARCH = datetime(2026, 3, 28, 12, tzinfo=UTC)


def runs_of(name: str) -> list[JobRun]:
    with control_transaction() as session:
        return list(session.scalars(select(JobRun).where(JobRun.schedule == name)))


def state_of(name: str) -> ScheduleState:
    with control_transaction() as session:
        return session.get_one(ScheduleState, name)


def set_last_slot(name: str, slot: datetime) -> None:
    with control_transaction() as session:
        session.get_one(ScheduleState, name).last_slot = slot


def test_every_declared_schedule_names_a_known_job(jobs: Flask) -> None:
    assert not [schedule.name for schedule in SCHEDULES if find_job(schedule.job) is None]
    assert len({schedule.name for schedule in SCHEDULES}) == len(SCHEDULES)


def test_slots_of_an_interval_are_the_same_for_all_schedulers() -> None:
    ten = Schedule("probe", "x", "Probe", every=10)
    slot = previous_slot(ten, MARCH)
    assert previous_slot(ten, slot) == slot
    assert previous_slot(ten, slot + timedelta(seconds=9.9)) == slot
    assert next_slot(ten, slot) == slot + timedelta(seconds=10)


def test_a_time_of_day_follows_its_own_zone_through_the_change_of_clocks() -> None:
    nine = Schedule("report", "x", "Report", cron="0 9 * * *", zone="Europe/Berlin")
    assert next_slot(nine, MARCH) == datetime(2026, 3, 29, 7, tzinfo=UTC)
    assert previous_slot(nine, MARCH) == datetime(2026, 3, 28, 8, tzinfo=UTC)
    at_nine = datetime(2026, 3, 29, 7, 0, 30, tzinfo=UTC)
    assert previous_slot(nine, at_nine) == datetime(2026, 3, 29, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "either"),
        ({"every": 1, "cron": "* * * * *"}, "either"),
        ({"every": 0}, "second"),
        ({"cron": "x"}, "cron"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Schedule("wrong", "x", "Wrong", **settings)  # type: ignore[arg-type]


def test_a_slot_fires_once_however_often_it_is_queued(jobs: Flask) -> None:
    timing.sync([DAILY])
    set_last_slot(DAILY.name, MARCH)
    for _ in range(3):
        timing.fire(DAILY.name)
    assert len(runs_of(DAILY.name)) == 1


def test_two_workers_that_fire_the_same_slot_start_one_run(jobs: Flask) -> None:
    timing.sync([DAILY])
    set_last_slot(DAILY.name, MARCH)
    barrier = threading.Barrier(4)

    def fire() -> None:
        barrier.wait()
        with jobs.app_context():
            timing.fire(DAILY.name)

    threads = [threading.Thread(target=fire) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs_of(DAILY.name)) == 1


def test_a_schedule_does_not_start_while_its_last_run_goes_on(jobs: Flask) -> None:
    timing.sync([DAILY])
    for _ in range(2):
        set_last_slot(DAILY.name, MARCH)
        timing.fire(DAILY.name)
    assert len(runs_of(DAILY.name)) == 1
    with pytest.raises(ConflictError, match="already queued or running"):
        timing.run_now(DAILY.name, actor="dba@example.com")


def test_a_paused_schedule_does_not_fire_but_can_be_run_by_hand(jobs: Flask) -> None:
    timing.sync([ADD])
    timing.pause(ADD.name, actor="dba@example.com")
    assert timing.tick() == 0
    timing.fire(ADD.name)
    assert runs_of(ADD.name) == []
    view = queries.find_schedule(ADD.name)
    assert view is not None
    assert (view.next_run_at, view.state.paused_by) == (None, "dba@example.com")
    run = timing.run_now(ADD.name, actor="schedule")
    perform(str(run.id))
    assert state_of(ADD.name).last_status == "succeeded"
    timing.resume(ADD.name)
    assert timing.tick() == 1


def test_an_unknown_schedule_is_named(jobs: Flask) -> None:
    for change in (lambda: timing.resume("none"), lambda: timing.run_now("none", actor="x")):
        with pytest.raises(NotFoundError, match="called none"):
            change()
    timing.fire("none")
    assert queries.find_schedule("none") is None


def test_a_schedule_taken_out_of_the_list_never_fires_again(jobs: Flask) -> None:
    timing.sync([ADD, DAILY])
    timing.sync([DAILY])
    set_last_slot(ADD.name, MARCH)
    timing.fire(ADD.name)
    assert runs_of(ADD.name) == []
    assert [view.state.name for view in queries.list_schedules()] == [DAILY.name]


def test_a_new_interval_is_due_at_once_and_a_time_of_day_waits(jobs: Flask) -> None:
    timing.sync([ADD, DAILY])
    assert timing.tick() == 2
    assert len(broker.waiting_ids("default")) == 1
    assert timing.tick() == 0, "each has its slot"


def test_a_slot_missed_while_nothing_ran_is_caught_up_once(jobs: Flask) -> None:
    timing.sync([DAILY])
    set_last_slot(DAILY.name, MARCH)
    timing.tick()
    (message,) = broker.waiting_ids("default")
    assert message.startswith("schedule-test_daily-")


def test_a_broker_that_lost_its_data_gets_the_schedules_again(jobs: Flask) -> None:
    timing.sync([DAILY])
    assert timing.tick() == 1
    broker.connection().flushdb()
    assert timing.tick() == 1


def test_two_schedule_processes_run_each_slot_once(jobs: Flask, start_worker: StartWorker) -> None:
    start_worker("default")
    stop = threading.Event()
    threads = [threading.Thread(target=serve, args=(jobs, (ADD,), stop)) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: len(runs_of(ADD.name)) >= 3, "three runs", seconds=180)
        assert (queries.scheduler_age() or 0) < 10
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    times = sorted(run.enqueued_at for run in runs_of(ADD.name))
    slots_passed = (previous_slot(ADD, times[-1]) - previous_slot(ADD, times[0])).total_seconds() / 2
    assert len(times) <= slots_passed + 2, "a slot that starts late may share the next one's two seconds"


def test_the_schedule_process_outlives_an_absent_broker_and_database(
    jobs: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.schedule.TICK_SECONDS", 0.05)
    stop = threading.Event()
    monkeypatch.setitem(jobs.extensions, "jobs.broker", broker.connect("redis://127.0.0.1:1/0"))
    thread = threading.Thread(target=serve, args=(jobs, (DAILY,), stop))
    thread.start()
    time.sleep(0.5)
    assert thread.is_alive()
    with pytest.raises(broker.RedisError):
        queries.scheduler_age()
    monkeypatch.undo()
    wait_for(queries.scheduler_age, "a tick", seconds=30)
    stop.set()
    thread.join()
    assert state_of(DAILY.name).is_declared


def test_a_finished_run_tells_its_schedule(jobs: Flask) -> None:
    timing.sync([DAILY])
    run = timing.run_now(DAILY.name, actor="schedule")
    view = queries.find_schedule(DAILY.name)
    assert view is not None
    assert view.active is not None
    perform(str(run.id))
    state = state_of(DAILY.name)
    assert (state.last_run_id, state.last_status) == (run.id, "succeeded")
    assert state.last_duration is not None
    assert read(run).schedule == DAILY.name


def test_rows_of_a_schedule_say_interval_or_cron_never_both(jobs: Flask) -> None:
    timing.sync([DAILY])
    both = text("UPDATE schedule SET every = 5")
    with pytest.raises(Exception, match="every_or_cron"), db.engines["control"].begin() as control:
        control.execute(both)
