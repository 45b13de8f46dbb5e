"""A process that runs the data change of the tests until it is killed: `python -m …killable URL`."""

import sys

from dashboard.schema_migrations.backfills.batches import Who
from dashboard.schema_migrations.backfills.running import run_change
from tests.schema_migrations.backfills.conftest import REACHED, Listener, change_of

if __name__ == "__main__":
    slow = "WITH slowed AS (SELECT pg_sleep(0.02)) UPDATE item SET hits = hits + 1 FROM slowed"
    change = change_of(f"{slow} WHERE id > :after AND id <= :upto", batch=20)
    run_change(sys.argv[1], change, REACHED, who=Who("killed@example.com", "run"), follower=Listener())
