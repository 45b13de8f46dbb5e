"""What becomes of a run: results, errors, retries, cancelling, locks, permissions."""

import threading
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty
from sqlalchemy import func, text, update

from dashboard.core.db import db
from dashboard.core.errors import ConflictError, InvalidInputError, NotFoundError
from dashboard.jobs import broker, locks, queries, service
from dashboard.jobs.history import prune
from dashboard.jobs.lines import redact
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun, RunStatus, ScheduleState
from dashboard.jobs.registry import get_job, job
from dashboard.jobs.relay import relay_once
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from dashboard.users.service import create_operator
from tests.jobs.conftest import file_written, read, wait_for

pytestmark = pytest.mark.commits


def enqueue(name: str, /, **args: object) -> JobRun:
    return service.enqueue(name, args, actor=SYSTEM_ACTOR)


def do(name: str, /, **args: object) -> JobRun:
    run = enqueue(name, **args)
    perform(str(run.id))
    return read(run)


def log_of(run: JobRun) -> str:
    return "\n".join(line.text for line in queries.list_logs(run.id))


def test_a_run_keeps_its_result_progress_and_log(jobs: Flask) -> None:
    run = do("test.add", a=2, b=3)
    assert (run.status, run.result, run.attempt) == ("succeeded", {"sum": 5}, 1)
    assert (run.progress_done, run.progress_total, run.progress_text) == (1, 1, "added")
    assert log_of(run) == "adding 2 and 3"
    assert run.seconds is not None
    assert not run.is_active


def test_a_failed_run_keeps_the_reason_without_passwords(jobs: Flask) -> None:
    run = do("test.fail")
    assert run.status == "failed"
    assert run.error == "RuntimeError: the disk at redis://…@host is full"
    assert "sample_jobs.py" in run.traceback
    assert "hunter2" not in run.error + run.traceback + log_of(run)


def test_secrets_are_blanked_wherever_they_are_named() -> None:
    line = redact("postgres://u:pw1@h/d PGPASSWORD=pw2 password: 'pw 3', token=pw4; plain=kept")
    assert not any(secret in line for secret in ("pw1", "pw2", "pw 3", "pw4"))
    assert "plain=kept" in line


def test_a_refusal_is_shown_as_said_and_not_tried_again(jobs: Flask) -> None:
    run = do("test.refuse")
    assert (run.status, run.error, run.attempt) == ("failed", "It is taken. Choose another.", 1)


def test_an_error_is_tried_again_after_a_growing_delay(jobs: Flask) -> None:
    run = do("test.flaky")
    assert run.status == "queued"
    assert run.not_before is not None
    for attempt in (2, 3):
        wait_for(lambda: relay_once().pushed, f"push for attempt {attempt}", seconds=10)
        perform(str(run.id))
    assert read(run).result == {"attempt": 3}


def test_a_run_that_takes_too_long_for_its_limit_is_stopped(jobs: Flask, tmp_path: Path) -> None:
    run = enqueue("test.sleep")
    with UnixSignalDeathPenalty(1, JobTimeoutException):
        perform(str(run.id))
    assert "longer than its limit" in read(run).error


def test_the_same_message_twice_runs_once(jobs: Flask) -> None:
    run = do("test.add", a=1, b=1)
    perform(str(run.id))
    assert read(run).attempt == 1


def test_a_queued_run_is_cancelled_at_once_and_never_runs(jobs: Flask) -> None:
    run = enqueue("test.add", a=1, b=1)
    service.cancel(run.id, actor="dba@example.com")
    perform(str(run.id))
    assert read(run).status == "cancelled"
    with pytest.raises(ConflictError, match="already cancelled"):
        service.cancel(run.id, actor="dba@example.com")


def test_a_running_run_leaves_at_its_next_look(jobs: Flask, tmp_path: Path) -> None:
    flag = tmp_path / "started"
    run = enqueue("test.wait", file=str(flag))
    _cancel_when(jobs, flag, run)
    perform(str(run.id))
    assert read(run).status == "cancelled"


def test_a_running_run_that_does_not_look_is_interrupted(jobs: Flask, tmp_path: Path) -> None:
    flag = tmp_path / "started"
    run = enqueue("test.sleep", file=str(flag), seconds=60)
    _cancel_when(jobs, flag, run)
    perform(str(run.id))
    assert read(run).error == "Cancelled while it ran."


def _cancel_when(app: Flask, flag: Path, run: JobRun) -> None:
    def cancel() -> None:
        wait_for(lambda: file_written(flag), "started", seconds=10)
        with app.app_context():
            service.cancel(run.id, actor="dba@example.com")

    threading.Thread(target=cancel, daemon=True).start()


def test_a_cancelled_run_can_be_retried_but_a_successful_one_not(jobs: Flask) -> None:
    run = enqueue("test.add", a=1, b=2)
    service.cancel(run.id, actor="dba@example.com")
    service.retry(run.id, actor=SYSTEM_ACTOR)
    perform(str(run.id))
    assert read(run).status == "succeeded"
    with pytest.raises(ConflictError, match="Only a run that failed"):
        service.retry(run.id, actor=SYSTEM_ACTOR)


def test_a_second_writer_waits_until_the_lock_is_free(jobs: Flask) -> None:
    first = enqueue("test.wait", resource="disk", seconds=0)
    second = enqueue("test.wait", resource="tape", seconds=0)
    with locks.try_lock("disk") as lock:
        assert lock is not None
        perform(str(first.id))
        perform(str(second.id))
        assert read(first).status == "waiting"
        assert read(second).status == "succeeded"
        assert relay_once().woken == 0
    assert relay_once().woken == 1
    perform(str(first.id))
    assert read(first).status == "succeeded"


def test_the_end_of_a_run_wakes_the_next_one_for_its_lock(jobs: Flask) -> None:
    first, second = (enqueue("test.wait", resource="disk", seconds=0) for _ in range(2))
    with locks.try_lock("disk"):
        perform(str(second.id))
    perform(str(first.id))
    assert read(second).status == "queued"


def test_a_lock_is_noticed_as_lost_with_its_connection(jobs: Flask) -> None:
    with locks.try_lock("disk") as lock:
        assert lock is not None
        assert lock.still_held()
        pid = lock._connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with db.engines["control"].connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        assert lock.still_held(), "taken anew"
        assert not locks.is_free("disk")
    assert locks.is_free("disk")


def test_a_run_whose_actor_lost_the_right_is_refused(jobs: Flask) -> None:
    create_operator("reader@example.com", "Reader", "correct horse battery staple", [("manager", None)])
    db.session.commit()
    run = service.enqueue("test.add", {"a": 1, "b": 1}, actor="reader@example.com")
    perform(str(run.id))
    with db.engines["control"].begin() as control:
        control.execute(text("DELETE FROM operator WHERE email = 'reader@example.com'"))
    assert read(run).status == "failed"
    assert "reader@example.com may not run Add" in read(run).error


def test_a_job_of_an_older_release_fails_with_its_name(jobs: Flask) -> None:
    run = enqueue("test.add", a=1, b=1)
    with control_transaction() as session:
        session.get_one(JobRun, run.id).job = "test.gone"
    perform(str(run.id))
    assert "no job called test.gone" in read(run).error


def test_arguments_must_be_json_and_complete(jobs: Flask) -> None:
    with pytest.raises(InvalidInputError, match="cannot be used: Object of type set"):
        enqueue("test.add", a={1, 2}, b=0)
    with pytest.raises(InvalidInputError, match="missing a required argument: 'b'"):
        enqueue("test.add", a=1)
    with pytest.raises(NotFoundError, match="no job called nothing"):
        enqueue("nothing")
    with pytest.raises(NotFoundError):
        service.cancel(uuid4(), actor="dba@example.com")


def test_a_name_is_declared_once_and_for_a_known_queue(jobs: Flask) -> None:
    with pytest.raises(ValueError, match="declared twice"):
        job("test.add", title="Again", permission="x.y.z")(lambda _run: None)
    with pytest.raises(ValueError, match="no queue 'nowhere'"):
        job("test.other", title="Other", permission="x.y.z", queue="nowhere")
    assert get_job("test.five_steps").max_attempts == 3


def test_a_quiet_job_keeps_its_last_success_and_its_failures(jobs: Flask) -> None:
    for fails in (False, True, False, False):
        do("test.quiet") if not fails else do("test.quiet", fails=True)
    kept = queries.list_runs(queries.RunFilter(job="test.quiet")).runs
    assert sorted(run.status for run in kept) == ["failed", "succeeded"]


def test_a_quiet_job_does_not_keep_failures_without_end(jobs: Flask) -> None:
    for _ in range(22):
        do("test.quiet", fails=True)
    assert len(queries.list_runs(queries.RunFilter(job="test.quiet")).runs) == 20


def test_old_runs_are_forgotten_with_their_logs(jobs: Flask) -> None:
    old, new = do("test.add", a=1, b=1), do("test.add", a=1, b=1)
    with db.engines["control"].begin() as control:
        age = text("UPDATE job_run SET finished_at = now() - interval '91 days' WHERE id = :id")
        control.execute(age, {"id": old.id})
    run = do("jobs.prune")
    assert run.result == {"deleted": 1}
    assert log_of(old) == ""
    assert read(new).status == "succeeded"
    assert prune() == 0


def test_with_the_broker_away_a_run_waits_and_is_pushed_later(
    jobs: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(jobs.extensions, "jobs.broker", broker.connect("redis://127.0.0.1:1/0"))
        run = enqueue("test.add", a=1, b=1)
        assert read(run).pushed_at is None
        assert relay_once().pushed == 0
    assert relay_once().pushed == 1
    assert read(run).rq_job_id in broker.waiting_ids("default")
    assert relay_once().pushed == 0


def test_a_broker_without_its_data_gets_the_runs_again(jobs: Flask) -> None:
    run = enqueue("test.add", a=1, b=1)
    broker.connection().flushdb()
    wait_for(lambda: relay_once().pushed, "pushed again", seconds=10)
    assert read(run).rq_job_id in broker.waiting_ids("default")


def test_a_lost_run_that_may_not_resume_fails_visibly(jobs: Flask) -> None:
    run = _lost("test.add", a=1, b=1)
    relay_once()
    assert read(run).status == RunStatus.LOST
    assert "died in the middle" in read(run).error


def test_a_lost_run_of_a_schedule_is_told_to_it_with_its_length(jobs: Flask) -> None:
    run = _lost("test.add", a=1, b=1)
    with control_transaction() as session:
        session.add(ScheduleState(name="test.lost", job="test.add", title="Lost", every=60, args={}))
        session.execute(
            update(JobRun).where(JobRun.id == run.id).values(schedule="test.lost", started_at=func.now())
        )
    assert relay_once().lost == 1
    with control_transaction() as session:
        state = session.get(ScheduleState, "test.lost")
        assert state is not None
        assert state.last_status == "lost"
        assert state.last_duration is not None
        session.delete(state)


def test_a_lost_run_that_may_resume_is_queued_again_until_its_attempts_are_used(jobs: Flask) -> None:
    run = _lost("test.stubborn", file="/dev/null")
    assert relay_once().lost == 1
    assert read(run).status == "queued"
    with control_transaction() as session:
        session.get_one(JobRun, run.id).attempt = 3
    _make_lost(run)
    relay_once()
    assert read(run).status == "lost"


def test_a_lost_run_that_was_being_cancelled_is_cancelled(jobs: Flask) -> None:
    run = _lost("test.add", a=1, b=1)
    service.cancel(run.id, actor="dba@example.com")
    relay_once()
    assert read(run).status == "cancelled"


def _lost(name: str, /, **args: object) -> JobRun:
    run = enqueue(name, **args)
    _make_lost(run)
    return run


def _make_lost(run: JobRun) -> None:
    with db.engines["control"].begin() as control:
        silent = (
            "UPDATE job_run SET status = 'running', heartbeat_at = now() - interval '1 minute',"
            " attempt = greatest(attempt, 1) WHERE id = :id"
        )
        control.execute(text(silent), {"id": run.id})


def test_an_attempt_that_was_taken_over_writes_nothing_any_more(jobs: Flask, tmp_path: Path) -> None:
    flag = tmp_path / "started"
    run = enqueue("test.sleep", file=str(flag), seconds=60)

    def take_over() -> None:
        wait_for(lambda: file_written(flag), "started", seconds=10)
        with jobs.app_context(), control_transaction() as session:
            session.get_one(JobRun, run.id).attempt = 2

    threading.Thread(target=take_over, daemon=True).start()
    perform(str(run.id))
    assert (read(run).status, read(run).error) == ("running", "")
