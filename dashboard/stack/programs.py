"""The product's own programs: web, workers, scheduler, and the commands run once at a start."""

import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence

from dashboard.servers.process import Command, Process, StopStep
from dashboard.stack import barman
from dashboard.stack.environment import child_environment
from dashboard.stack.layout import Layout, source_folder
from dashboard.stack.options import StackError
from dashboard.stack.supervisor import Child, Stage, Supervisor

WORKERS = {
    "worker-probes": ("probes",),
    "worker-database": ("database",),
    "worker-restores": ("restores",),
    "worker-urgent": ("urgent",),
    "worker-default": ("default", "records"),
    "worker-insights": ("insights",),
}
WEB_WORKERS = 2
WEB_THREADS = 4
GRACEFUL_SECONDS = 5
# The first TERM lets a running job end, the second ends the job.
WORKER_STEPS = (StopStep(signal.SIGTERM, 6), StopStep(signal.SIGTERM, 3))
# Longer than gunicorn takes itself, on a busy machine too.
OTHER_STEPS = (StopStep(signal.SIGTERM, GRACEFUL_SECONDS + 10),)
POLL_SECONDS = 0.1
# Pages, probes and what cannot wait go first on a small machine, long work after them.
BACKGROUND = 5
PROMPT = {"worker-probes", "worker-urgent"}


def web(layout: Layout) -> Child:
    """Return the web server."""
    arguments = [
        *("-m", "gunicorn", "wsgi:app", "--bind", f"127.0.0.1:{layout.options.port}"),
        *("--workers", str(WEB_WORKERS), "--threads", str(WEB_THREADS), "--no-control-socket"),
        # Nothing connects before the first request, so one import can serve every worker.
        "--preload",
        *("--graceful-timeout", str(GRACEFUL_SECONDS), "--timeout", "60"),
    ]
    return _program(layout, "web", arguments, Stage.WEB, OTHER_STEPS)


def workers(layout: Layout) -> list[Child]:
    """Return one worker per group of queues; probes have one of their own."""
    return [
        _program(
            layout,
            name,
            ["-m", "dashboard.worker", *queues],
            Stage.WORKERS,
            WORKER_STEPS,
            niceness=0 if name in PROMPT else BACKGROUND,
        )
        for name, queues in WORKERS.items()
    ]


def scheduler(layout: Layout) -> Child:
    """Return the process that enqueues timed jobs."""
    arguments = ["-m", "dashboard.schedule"]
    return _program(layout, "scheduler", arguments, Stage.SCHEDULER, OTHER_STEPS, niceness=BACKGROUND)


def receiver(layout: Layout) -> Child:
    """Return Barman's WAL receiver: started by its cron, a process of nobody, ended through Barman."""
    return Child("receive-wal", _Receiver(layout), Stage.RECEIVER)


class _Receiver:
    """Has no process of ours; stopping asks Barman to end its own."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    @property
    def pid(self) -> int | None:
        return None

    @property
    def returncode(self) -> int | None:
        return None

    def launch(self) -> None:
        """Nothing to do: `barman cron` starts it."""

    def stop(self) -> None:
        if not self.layout.barman_config.exists():
            return
        subprocess.run(
            barman.command(self.layout, "terminate-process", barman.SERVER, "receive-wal"),
            env=child_environment(self.layout),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=20,
        )


def barman_cron(layout: Layout) -> Process:
    """Return one call of `barman cron`, which starts the receiver when there is none."""
    return Process(
        Command(
            name="barman cron",
            argv=barman.command(layout, "cron"),
            folder=source_folder(),
            log=layout.logs / "barman-cron.log",
            environment=child_environment(layout),
            stop_steps=OTHER_STEPS,
        )
    )


def _program(
    layout: Layout,
    name: str,
    arguments: Sequence[str],
    stage: Stage,
    steps: Sequence[StopStep],
    *,
    niceness: int = 0,
) -> Child:
    process = Process(
        Command(
            name=name,
            argv=[sys.executable, *arguments],
            folder=source_folder(),
            log=layout.logs / f"{name}.log",
            environment=child_environment(layout),
            stop_steps=steps,
            niceness=niceness,
        )
    )
    return Child(name, process, stage)


def flask_command(*arguments: str) -> list[str]:
    """Return the command line of one of the product's own commands."""
    return [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]


def run_step(
    layout: Layout,
    supervisor: Supervisor,
    argv: Sequence[str],
    extra: Mapping[str, str] | None = None,
    *,
    is_quiet: bool = False,
) -> None:
    """Run a command to its end and pass on what it prints; it is ended when a stop is asked for.

    A quiet one is heard only when it fails: it may name a password.
    """
    step = subprocess.Popen(
        list(argv),
        cwd=source_folder(),
        env=child_environment(layout) | dict(extra or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
    )
    printed: list[str] = []
    try:
        for line in _lines(step, supervisor):
            printed.append(line)
            if not is_quiet:
                supervisor.console.say(f"  {line}")
        code = step.wait()
    finally:
        if step.poll() is None:
            os.killpg(step.pid, signal.SIGTERM)
            _wait_or_kill(step)
        if step.stdout:
            step.stdout.close()
    if code != 0:
        raise StackError(f"`{' '.join(argv[1:6])}` failed: {' '.join(printed[-3:])}")


def _wait_or_kill(step: subprocess.Popen[bytes]) -> None:
    try:
        step.wait(5)
    except subprocess.TimeoutExpired:
        os.killpg(step.pid, signal.SIGKILL)
        step.wait()


def _lines(step: subprocess.Popen[bytes], supervisor: Supervisor) -> Iterator[str]:
    """Yield the lines as they come, looking for a stop in between."""
    if step.stdout is None:  # pragma: no cover - it was asked for
        return
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(step.stdout, selectors.EVENT_READ)
        while True:
            supervisor.check()
            if not selector.select(POLL_SECONDS):
                continue
            chunk = os.read(step.stdout.fileno(), 65536)
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (line.decode(errors="replace").rstrip() for line in lines if line.strip())
            if not chunk:
                break
    if rest.strip():
        yield rest.decode(errors="replace").rstrip()
