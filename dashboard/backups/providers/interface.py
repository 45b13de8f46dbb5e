"""What a source of backups answers. A further provider is one class that does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from dashboard.backups.barman import BackupFacts, CheckResult
from dashboard.backups.window import Window


class Restores(StrEnum):
    """Where a restore happens: on a scratch server of ours, or by the provider as a new instance."""

    SCRATCH = "scratch"
    CONSOLE = "console"


class ProviderError(Exception):
    """The provider is away or refuses; the message is for people and says what to do."""


@dataclass(frozen=True)
class Watch:
    """Who follows a backup: lines of its log, steps done of all with words, and a tick that may raise."""

    on_line: Callable[[str], None]
    on_phase: Callable[[int, int, str], None]
    tick: Callable[[], None]


class Provider(Protocol):
    """A source of base backups and of everything written since."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def server(self) -> str:
        """What its backups are filed under in the catalogue."""

    @property
    def restores(self) -> Restores:
        """Where its restores happen."""

    def tend(self) -> None:
        """Do what it needs every minute. Raises ProviderError."""

    def list_backups(self) -> Sequence[BackupFacts]:
        """Return every backup it holds. Raises ProviderError."""

    def window(self) -> Window:
        """Return from when until when one can restore. Raises ProviderError."""

    def check(self) -> Sequence[CheckResult]:
        """Return what must hold for the promises; what does not is a result, no error."""

    def sync(self) -> dict[str, Any]:
        """Read all of this into the catalogue and the reading pages show; an error becomes part of it."""

    def back_up(self, mode: str, watch: Watch) -> str:
        """Make a backup and return its id. Raises UnavailableError."""
