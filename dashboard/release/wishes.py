"""What a release is asked to do, what it has done, and why it stopped."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dashboard.core.errors import DashboardError
from dashboard.schema_migrations.fleet.approving import Options

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wishes:
    """How a release goes about it. `ask` returns what a person types; None where nobody can be asked."""

    actor: str
    approve: str = ""
    note: str = ""
    announce: str = ""
    read_only: bool = False
    skip_backup: str = ""
    restarts: bool = True
    base_url: str = ""
    fleet: Options = field(default_factory=Options)
    ask: Callable[[str], str] | None = None


@dataclass
class Done:
    """What a release has done so far; the way back depends on it."""

    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    announcement: int | None = None
    backup_id: str = ""
    restore_point: str = ""
    control: bool = False
    shared: bool = False
    run_id: int | None = None
    tenants: int | None = None  # how many the run changed, once it is done
    restarted: bool = False

    @property
    def changed_erp(self) -> bool:
        """Whether anything of the ERP is not as it was before."""
        return self.shared or self.run_id is not None


class StepError(DashboardError):
    """A step of a release could not be done."""


class ReleaseStoppedError(DashboardError):
    """A release stopped at a step; `way_back` says in words what is so now and what to do."""

    def __init__(self, step: str, reason: str, way_back: list[str]) -> None:
        super().__init__(f"Stopped at: {step}. {reason}")
        self.step = step
        self.reason = reason
        self.way_back = way_back
