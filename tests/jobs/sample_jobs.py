"""Jobs that exist only in tests."""

import time
from pathlib import Path
from typing import NoReturn

from sqlalchemy import text

from dashboard.core.db import db
from dashboard.core.errors import ConflictError
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run

MAY = "database.jobs.run"


@job("test.add", title="Add", permission=MAY)
def add(run: Run, *, a: int, b: int) -> dict[str, object]:
    run.log(f"adding {a} and {b}")
    run.progress(1, 1, "added")
    return {"sum": a + b}


@job("test.fail", title="Fail", permission=MAY)
def fail(run: Run) -> NoReturn:
    run.log("connecting to postgresql://someone:hunter2@db/erp with password=hunter2")
    raise RuntimeError("the disk at redis://:hunter2@host is full")


@job("test.refuse", title="Refuse", permission=MAY, max_attempts=3)
def refuse(run: Run) -> NoReturn:
    raise ConflictError("It is taken.", fix="Choose another.")


@job("test.flaky", title="Fail twice", permission=MAY, max_attempts=3)
def flaky(run: Run) -> dict[str, object]:
    if run.attempt < 3:
        raise RuntimeError(f"attempt {run.attempt} failed")
    return {"attempt": run.attempt}


@job("test.wait", title="Wait", permission=MAY, lock="{resource}", queue="database")
def wait(run: Run, *, resource: str = "", seconds: float = 30.0, file: str = "") -> None:
    if file:
        Path(file).write_text(str(run.attempt))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        run.check_cancelled()
        time.sleep(0.05)


@job("test.sleep", title="Sleep without looking up", permission=MAY, timeout=2)
def sleep(run: Run, *, file: str = "", seconds: float = 30.0) -> None:
    if file:
        Path(file).write_text(str(run.attempt))
    time.sleep(seconds)


@job("test.deaf", title="Sleep and swallow everything", permission=MAY, timeout=120)
def deaf(run: Run, *, file: str) -> None:
    Path(file).write_text("deaf")
    db.session.execute(text("SELECT pg_sleep(100)").execution_options(no_parameters=True))


@job("test.stubborn", title="Sleep, resumable", permission=MAY, resumable=True, timeout=120)
def stubborn(run: Run, *, file: str) -> dict[str, object]:
    Path(file).write_text(str(run.attempt))
    if run.attempt == 1:
        time.sleep(60)
    return {"attempt": run.attempt}


@job("test.quiet", title="Probe", permission=MAY, queue="probes", quiet=True)
def quiet(run: Run, *, fails: bool = False) -> dict[str, object]:
    if fails:
        raise RuntimeError("no answer")
    return {"ok": True}


@job("test.from_outbox", title="Follow a change", permission="records.supplier.edit", outbox=True)
def from_outbox(run: Run, *, number: int) -> dict[str, object]:
    return {"role": db.session.scalar(text("SELECT current_user")), "number": number}


@job("test.five_steps", title="Five steps", permission=MAY, resumable=True, queue="records", timeout=120)
def five_steps(run: Run, *, file: str, stop_at: int = 3) -> dict[str, object]:
    """Each step counts itself in its own transaction; in the first attempt one of them never ends."""
    done = []
    for number in range(1, 6):
        with run.step(f"step {number}") as step:
            if step.is_new:
                effect = text("INSERT INTO job_test_effects (run, step) VALUES (:run, :step)")
                engine = db.engine if run.tenant else db.engines["control"]
                db.session.execute(
                    effect, {"run": str(run.id), "step": number}, bind_arguments={"bind": engine}
                )
                done.append(number)
                if number == stop_at and run.attempt == 1:
                    Path(file).write_text(str(number))
                    time.sleep(90)
        run.progress(number, 5, f"step {number}")
    return {"done": done}
