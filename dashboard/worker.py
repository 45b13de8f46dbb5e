"""The worker process: `python -m dashboard.worker QUEUE…` takes runs from these queues until INT or TERM."""

import sys
import time
from collections.abc import Sequence

import structlog
from flask import Flask
from rq.exceptions import StopRequested

from dashboard.app import create_app
from dashboard.jobs.broker import RedisError
from dashboard.jobs.registry import QUEUES
from dashboard.jobs.worker import StewardWorker

log = structlog.get_logger()
LONGEST_PAUSE_SECONDS = 8.0


def main(queues: Sequence[str]) -> int:
    """Work on the named queues (all but the probes' when none is named). Returns the exit code."""
    names = list(queues) or [name for name in QUEUES if name != "probes"]
    unknown = sorted(set(names) - set(QUEUES))
    if unknown:
        sys.stderr.write(f"There is no queue {', '.join(unknown)}; there are {', '.join(QUEUES)}.\n")
        return 2
    serve(create_app(), names)
    return 0


def serve(app: Flask, queues: list[str]) -> None:
    """Work until told to stop; begin anew, with growing pauses, whenever the broker was lost."""
    url: str = app.extensions["steward_settings"].broker_url
    pause = 1.0
    while True:
        try:
            worker = StewardWorker(app, queues, url)
            worker.work(logging_level="WARNING")
            if worker.stop_at is not None:
                return
        except StopRequested:
            return
        except RedisError as error:
            log.warning("worker_waits_for_broker", seconds=pause, error=str(error))
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
