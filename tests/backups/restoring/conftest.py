"""What restores are tested with: a backed-up cluster, hooks that remember, and a hand that cleans up."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import psycopg2
import pytest
from sqlalchemy.orm import Session

from dashboard.backups import service as backups
from dashboard.backups.barman import Barman
from dashboard.backups.restoring import service
from dashboard.core.config import Settings
from dashboard.servers.scratch import ScratchServer, list_scratch_servers
from tests.cluster import Cluster


@dataclass
class Heard:
    """Hooks that remember what a restore says; `stop_at` raises once something holds the text."""

    stop_at: str = ""
    lines: list[str] = field(default_factory=list)
    shown: list[tuple[int, int, str]] = field(default_factory=list)

    def check_cancelled(self) -> None:
        """Raise when told to."""
        said = [*self.lines, *(text for _, _, text in self.shown)]
        if self.stop_at and any(self.stop_at in text for text in said):
            raise KeyboardInterrupt

    def log(self, text: str) -> None:
        """Remember a line."""
        self.lines.append(text)

    def progress(self, done: int, total: int, text: str = "") -> None:
        """Remember how far it is."""
        self.shown.append((done, total, text))


@pytest.fixture
def observed(whole_cluster: Cluster, settings: Settings) -> Settings:
    url = whole_cluster.layout.backup_url().replace("postgresql://", "postgresql+psycopg2://", 1)
    return whole_cluster.settings(settings).model_copy(update={"backup_url": url})


@pytest.fixture
def barman(observed: Settings, control: Session) -> Barman:
    return backups.barman_of(observed)


@pytest.fixture
def cleaned(settings: Settings) -> Iterator[None]:
    """Leave no scratch server behind, whatever a test did."""
    yield
    for server in list_scratch_servers(service.scratch_root(settings)):
        server.remove()


Make = Callable[..., str]


@pytest.fixture
def make(barman: Barman) -> Make:
    """Make a backup, let the catalogue know, return its id."""

    def run(mode: str = "full") -> str:
        backup_id = backups.back_up(
            barman,
            mode=mode,
            on_line=lambda _line: None,
            on_phase=lambda *_: None,
            tick=lambda: None,
        )
        backups.sync_catalogue(barman)
        return backup_id

    return run


def write(cluster: Cluster, value: str) -> datetime:
    """Write a row in a transaction of its own and return a time after it, by the server's clock."""
    cluster.sql("CREATE TABLE IF NOT EXISTS witness (value text)")
    cluster.sql(f"INSERT INTO witness VALUES ('{value}')")
    cluster.sql("SELECT pg_sleep(0.05)")
    found: datetime = cluster.sql("SELECT clock_timestamp()")
    return found


def read(server: ScratchServer, database: str) -> list[str]:
    """The rows that a restored server has."""
    with psycopg2.connect(server.url(database)) as link, link.cursor() as at:
        at.execute("SELECT value FROM witness ORDER BY 1")
        rows = [value for (value,) in at.fetchall()]
    link.close()
    return rows
