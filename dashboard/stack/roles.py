"""Who is the primary at a start: read from the data folders, compared with what state.json remembers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dashboard.servers.accounts import Account
from dashboard.servers.control_data import ControlData, lsn_of, read_control_data
from dashboard.servers.rejoining import rejoining_mark
from dashboard.servers.standby import SIGNAL
from dashboard.stack.options import StackError


@dataclass(frozen=True)
class Folder:
    """A member's data folder: whether it follows, or was left in the middle of a change."""

    name: str
    data: ControlData
    is_standby: bool = False
    is_rejoining: bool = False

    @property
    def place(self) -> str:
        """Where its WAL stands, for people."""
        return f"timeline {self.data.timeline}, {lsn_of(self.data.position)}"


@dataclass(frozen=True)
class Roles:
    """The primary, who has to rejoin it first, and what there is to say about it."""

    primary: str
    rejoin: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


def read_folders(paths: Mapping[str, Path], bin_folder: Path, account: Account | None) -> list[Folder]:
    """Read every member's folder that holds data."""
    return [
        Folder(
            name,
            read_control_data(path, bin_folder, account),
            (path / SIGNAL).exists(),
            rejoining_mark(path).exists(),
        )
        for name, path in paths.items()
        if (path / "global" / "pg_control").exists()
    ]


def decide(folders: Sequence[Folder], remembered: str, first: str) -> Roles:
    """Choose the one server that takes writes: of several that were primaries the highest timeline.

    Raises StackError when none may, or when a standby has followed a timeline that none of them has.
    """
    if not folders:
        return Roles(first)
    able = [folder for folder in folders if not folder.is_standby and not folder.is_rejoining]
    furthest = max(folders, key=lambda folder: (folder.data.timeline, folder.data.position))
    if not able:
        raise StackError(
            f"No ERP server may take writes: {', '.join(folder.name for folder in folders)} follow somebody. "
            f"{furthest.name} has the most ({furthest.place}): to make it the primary, delete {SIGNAL} in "
            "its folder."
        )
    chosen = max(able, key=lambda one: (one.data.timeline, one.data.position, one.name == remembered))
    followed = [folder for folder in folders if not folder.is_rejoining]
    if max(folder.data.timeline for folder in followed) > chosen.data.timeline:
        raise StackError(
            f"{furthest.name} has followed timeline {furthest.data.timeline}, but {chosen.name}, which takes "
            f"writes, stands on timeline {chosen.data.timeline}: the primary in between is missing. Delete "
            f"{SIGNAL} in the folder of {furthest.name} to go on with what it has."
        )
    losers = tuple(folder for folder in able if folder is not chosen)
    rejoin = (*(folder.name for folder in losers), *(f.name for f in folders if f.is_rejoining))
    words = [
        f"{loser.name} was a primary too ({loser.place}) and will rejoin {chosen.name} ({chosen.place}): "
        "what only it has is given up"
        for loser in losers
    ]
    if remembered and remembered != chosen.name:
        words.append(
            f"state.json says that {remembered} is the primary, but the data folders say {chosen.name} "
            f"({chosen.place}): it is started as the primary"
        )
    return Roles(chosen.name, rejoin, tuple(words))
