"""A fleet to change, in a database of its own on the session's server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Servers
from tests.schema_migrations.fleet import ground as grounds
from tests.schema_migrations.fleet.ground import Ground

DATABASE = "fleet_ground"


@pytest.fixture(scope="session")
def fleet_database(servers: Servers) -> Iterator[tuple[str, str]]:
    """The database for all tests of the engine."""
    yield grounds.prepare(servers, DATABASE)
    grounds.remove(servers, DATABASE)


@pytest.fixture
def ground(fleet_database: tuple[str, str], tmp_path: Path) -> Iterator[Ground]:
    """The database, empty at the beginning and at the end, with the usual three revisions."""
    url, superuser_url = fleet_database
    ground = Ground(url, superuser_url, grounds.usual_history(tmp_path / "history"))
    ground.clear()
    yield ground
    ground.close()
    ground.clear()
