"""Asks the standbys whether they use an index: they have counters of their own. An engine."""

from collections.abc import Sequence

from dashboard.core.config import Settings
from dashboard.health.actions import commands
from dashboard.health.actions.commands import NotDoneError, Thing
from dashboard.health.connection import ProbeError, probe_connection


def check_unused(settings: Settings, things: Sequence[Thing]) -> None:
    """Raise NotDoneError when a standby has used one of the indexes, or cannot be asked."""
    for standby in settings.standbys:
        try:
            with probe_connection(standby.url) as link:
                for thing in things:
                    facts = commands.facts_of(link, thing)
                    if facts:
                        commands.check_droppable(facts, f"the standby {standby.name} ({thing.schema})")
        except ProbeError as error:
            raise NotDoneError(
                f"It is not dropped: the standby {standby.name} cannot be asked whether it uses it ({error})."
            ) from error
