"""A worker that knows the test jobs and notices things soon: `python -m tests.jobs.worker_process QUEUE…`."""

import sys

import tests.jobs.sample_jobs  # noqa: F401  # registers them
from dashboard import worker
from dashboard.app import create_app
from tests.jobs.conftest import FAST

if __name__ == "__main__":
    app = create_app()
    app.config["JOBS_PACE"] = FAST
    worker.serve(app, sys.argv[1:])
