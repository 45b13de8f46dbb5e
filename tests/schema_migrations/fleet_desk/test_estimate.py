"""When a run of the fleet is said to end: no database needed."""

from datetime import UTC, datetime, timedelta

from dashboard.schema_migrations.fleet.models import FleetRun, TaskStatus
from dashboard.schema_migrations.fleet.queries import Course, TaskRow, Wave, estimate_end

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def task(status: str, *, lock_waits: int = 0) -> TaskRow:
    return TaskRow("tenant_a", "a", 1, 0, "0001", status, 1, lock_waits, 0.0, "", None)


def test_what_is_left_ends_at_the_pace_of_late() -> None:
    tasks = [task(TaskStatus.DONE), *[task(TaskStatus.PENDING)] * 9, task(TaskStatus.RUNNING, lock_waits=1)]
    assert estimate_end(tasks, 2.0, NOW) == NOW + timedelta(seconds=5)


def test_a_run_whose_last_schemas_wait_for_locks_has_no_end_to_tell() -> None:
    held = [task(TaskStatus.PENDING, lock_waits=3), task(TaskStatus.RUNNING, lock_waits=1)]
    assert estimate_end([task(TaskStatus.DONE, lock_waits=2), *held], 2.0, NOW) is None


def test_a_schema_that_is_tried_again_this_moment_still_counts_as_held_up() -> None:
    held = [task(TaskStatus.PENDING, lock_waits=3), task(TaskStatus.RUNNING, lock_waits=1)]
    free = [task(TaskStatus.DONE, lock_waits=2), task(TaskStatus.RUNNING), task(TaskStatus.PENDING)]
    assert Course(FleetRun(), [Wave(1, "Canary", [*free, *held])]).held_up == held
