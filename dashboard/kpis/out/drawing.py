"""Owns drawing a chart without a browser: ECharts in V8 gives SVG, typst makes a PNG of it.

The definition of a chart and the script that turns it into a picture are those of the page. V8 runs in a
process of its own, see pencil.py.
"""

import atexit
import json
import os
import select
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path

import structlog
import typst

from dashboard.core.charts import Chart
from dashboard.core.config import CHECKOUT
from dashboard.core.errors import UnavailableError

SCRIPT, PENCIL = Path(__file__).with_name("drawing.js"), Path(__file__).with_name("pencil.py")
STATIC = CHECKOUT / "static"
PAGE = STATIC / "js" / "charts.js"
FONTS = STATIC / "vendor" / "fonts"
ECHARTS = STATIC / "vendor" / "echarts.js"
FONT = "Noto Sans"
WIDTH, HEIGHT, TALL = 720, 320, 480
ANSWER_SECONDS = 30  # a process that begins on a busy machine takes seconds
PICTURE = CHECKOUT / "templates" / "kpis" / "out" / "picture.typ"
PIXELS_PER_INCH = 192  # twice what the drawing measures, for sharp screens
log = structlog.get_logger()


def svg(chart: Chart, width: int = WIDTH) -> str:
    """Draw a chart, in CSS pixels; it is as high as it needs to be read. Raises UnavailableError."""
    if not ECHARTS.is_file():
        raise UnavailableError("charts", "ECharts is not built.", fix="Run make static/vendor/.built.")
    height = (TALL if chart.is_tall else HEIGHT) * width // WIDTH
    answer = _pencil(os.getpid()).ask(json.dumps([json.dumps(chart.payload()), width, height, FONT]))
    if "drawn" not in answer:
        log.warning("chart_not_drawn", chart=chart.title, error=answer["error"])
        raise UnavailableError("charts", f"“{chart.title}” could not be drawn.")
    return answer["drawn"]


def png(chart: Chart, width: int = WIDTH) -> bytes:
    """Draw a chart on white, as a picture of twice as many pixels. Raises UnavailableError."""
    try:
        made = typst.compile(
            str(PICTURE),
            root=str(PICTURE.parent),
            font_paths=[str(FONTS)],
            ignore_system_fonts=True,
            sys_inputs={"drawing": svg(chart, width)},
            format="png",
            ppi=PIXELS_PER_INCH,
        )
    except (typst.TypstError, RuntimeError) as error:
        log.warning("chart_not_drawn", chart=chart.title, error=str(error)[:300])
        raise UnavailableError("charts", f"“{chart.title}” could not be drawn.") from error
    if not isinstance(made, bytes):
        raise UnavailableError("charts", f"“{chart.title}” has no single picture.")
    return made


class Pencil:
    """The process that draws for this one; it begins when it is needed, and anew when it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def ask(self, line: str) -> dict[str, str]:
        """Have a call answered: `drawn`, or the `error`. Only one at a time is."""
        with self._lock:
            return self._ask(line) or self._ask(line) or {"error": "the process that draws ended"}

    def _ask(self, line: str) -> dict[str, str] | None:
        """Ask once; None where the process has ended, from having nothing to do or of it."""
        process = self._running()
        if process.stdin is None or process.stdout is None:
            return None
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            is_answered = bool(select.select([process.stdout], [], [], ANSWER_SECONDS)[0])
            line = process.stdout.readline() if is_answered else ""
            answer: dict[str, str] | None = json.loads(line or "null")
        except OSError:
            answer = None
        if answer is None:
            self._end(process)
        return answer

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", *map(str, (PENCIL, ECHARTS, SCRIPT, PAGE))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
            )
            atexit.register(self._end, self._process)
        return self._process

    def _end(self, process: subprocess.Popen[str]) -> None:
        atexit.unregister(self._end)
        process.kill()
        process.communicate()
        self._process = None


@cache
def _pencil(process: int) -> Pencil:
    """One for each process: a fork has its own."""
    del process
    return Pencil()
