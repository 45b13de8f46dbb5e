"""One bootstrapped primary for the whole folder, and scratch folders its account can enter."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.servers import (
    ErpPasswords,
    Postgres,
    bootstrap_control,
    bootstrap_erp,
    free_port,
    scratch_folder,
)

PASSWORDS = ErpPasswords(owner="own'er", app="a p", monitor="mon", replication="rep", backup="back")
OPTIONS = {
    "wal_level": "replica",
    "shared_buffers": "16MB",
    "shared_preload_libraries": "pg_stat_statements",
    "fsync": "off",
}


@pytest.fixture
def scratch() -> Iterator[Path]:
    with scratch_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def primary() -> Iterator[Postgres]:
    with scratch_folder() as folder:
        server = Postgres(folder / "primary", free_port(), "super secret'", OPTIONS)
        server.ensure_initialised()
        server.start()
        for _ in range(2):  # repeating it changes nothing
            bootstrap_erp(server.url("postgres"), "erp_test_roles", PASSWORDS)
            bootstrap_control(server.url("postgres"), "control_test_roles", "con")
        yield server
        server.stop()
