"""Clears away: the servers of a rehearsal, and what a killed worker left of one."""

from dataclasses import dataclass
from pathlib import Path

from dashboard.core.config import Settings
from dashboard.failover import queries, service
from dashboard.failover.models import Kind, Status
from dashboard.failover.rehearsal.copying import root_of
from dashboard.failover.rehearsal.throw_away import ThrowAwayServer

DIED = "The worker of this rehearsal died in the middle, or was ended. It says nothing about a failover."
DIED_FOR_REAL = (
    "The worker died in the middle of it, or was ended. Look at Replication for who is the primary now, "
    "and at the runbook for how to finish it by hand."
)


@dataclass
class Swept:
    """What one sweep did."""

    closed: int = 0
    servers: int = 0


def remove_servers(settings: Settings, number: int) -> int:
    """Stop and delete every server of a rehearsal; return how many there were."""
    return _remove([place for place in _places(root_of(settings)) if _number(place) == number])


def sweep(settings: Settings) -> Swept:
    """Close what no worker works on any more, and remove servers that no rehearsal under way stands for."""
    done = Swept()
    for row in queries.list_dead():
        is_trial = row.kind == Kind.REHEARSAL
        service.close(row, Status.BROKEN, DIED if is_trial else DIED_FOR_REAL)
        done.closed += 1
    alive = set(queries.list_alive())
    done.servers = _remove([place for place in _places(root_of(settings)) if _number(place) not in alive])
    return done


def _places(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def _number(place: Path) -> int:
    first = place.name.partition("-")[0]
    return int(first) if first.isdigit() else -1


def _remove(places: list[Path]) -> int:
    for place in places:
        ThrowAwayServer(place).remove()
    return len(places)
