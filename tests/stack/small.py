"""A small product for the stack to run: its real servers and supervision, with quick programs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
WSGI = """
import os, click
from flask import Flask
app = Flask("small")
app.add_url_rule("/readyz", "readyz", lambda: {"status": "ok"})

@app.cli.command("upgrade")
def upgrade():
    print("control: at head")

demo = click.Group("demo")
operators = click.Group("operators")
demo.command("load")(click.argument("profile")(lambda profile: print("loaded", profile)))
operators.command("bootstrap")(lambda: print("made", os.environ["STEWARD_ADMIN_EMAIL"]))
app.cli.add_command(demo)
app.cli.add_command(operators)
"""
PROGRAM = "import time\nwhile True: time.sleep(1)\n"
START = (
    "import sys, pathlib; from dashboard.stack import programs, __main__ as stack;"
    "programs.source_folder = lambda: pathlib.Path(sys.argv[1]); sys.exit(stack.main(sys.argv[2:]))"
)


class SmallStack:
    """Runs `python -m dashboard.stack` for one data folder, with the small product."""

    def __init__(self, folder: Path, port: int) -> None:
        self.home = folder / "home"
        self.port = port
        self.product = folder / "product"
        package = self.product / "dashboard"
        package.mkdir(parents=True)
        (self.product / "wsgi.py").write_text(WSGI)
        for name in ("__init__", "worker", "schedule"):
            (package / f"{name}.py").write_text(PROGRAM if name != "__init__" else "")
        self.output = folder / "output"
        self.process: subprocess.Popen[str] | None = None

    def environment(self, **more: str) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("STEWARD", "DATABASE"))
        }
        return {**kept, "STEWARD_HOME": str(self.home), "STEWARD_PORT": str(self.port), **more}

    def run(self, *arguments: str, said: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", START, str(self.product), *arguments],
            cwd=ROOT,
            env=self.environment(**more),
            input=said,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def up(self, **more: str) -> str:
        """Start it and return what it said until it was ready."""
        with self.output.open("w") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START, str(self.product), "up"],
                cwd=ROOT,
                env=self.environment(**more),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                text=True,
                process_group=0,
            )
        return self.wait_for("Stop      Ctrl-C")

    def wait_for(self, text: str, seconds: float = 120) -> str:
        deadline = time.monotonic() + seconds
        while text not in self.said():
            assert self.process
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)
        return self.said()

    def said(self) -> str:
        return self.output.read_text()

    def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(60)

    def left(self) -> list[str]:
        """Every process that works below the data folder or carries the stack's mark."""
        found = []
        for process in psutil.process_iter():
            try:
                marked = process.environ().get("STEWARD_STACK") == str(self.home)
                if marked or process.cwd().startswith(str(self.home)):
                    found.append(" ".join(process.cmdline()))
            except (psutil.Error, OSError):
                continue
        return found


def child_pid(stack: SmallStack, words: str) -> int:
    """The process id of the stack's own child with these words in its command line."""
    assert stack.process
    for process in psutil.Process(stack.process.pid).children():
        if words in " ".join(process.cmdline()):
            return process.pid
    raise AssertionError(words)
