"""A worker's part in a process of its own, to be killed: `python -m … JOB_RUN FOLDER_OF_REVISIONS`."""

import sys
from pathlib import Path

from dashboard.app import create_app
from dashboard.jobs.runner import perform
from dashboard.schema_migrations.fleet import planning
from tests.schema_migrations.fleet.ground import History

if __name__ == "__main__":
    history = History(Path(sys.argv[2]))
    planning.tenant_scripts = lambda: history.scripts
    with create_app().app_context():
        perform(sys.argv[1])
