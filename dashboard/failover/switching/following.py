"""What has to follow a new primary beside its standbys: whom commits wait for, and Barman."""

from collections.abc import Sequence

from dashboard.backups import service as backups
from dashboard.backups.barman import Barman, BarmanError
from dashboard.core.config import Member, Settings
from dashboard.failover.switching.changing import Change, Steps, is_streaming, wait_for
from dashboard.failover.switching.control import ControlError
from dashboard.failover.switching.looking import look_at
from dashboard.replication.synchronous.wanted import names_in, parameter, wanted

RECEIVER = "barman_receive_wal"
CRON_WAITS = (8.0, 8.0, 15.0)


def whom_to_wait_for(members: Sequence[Member], former: str, source: str, target: str) -> str:
    """Return synchronous_standby_names for the new primary.

    What the settings want counts; where they want nothing but commits did wait, the former primary takes the
    place of the one that was promoted.
    """
    want = wanted(members, target)
    if want.is_on or want.by_setting:
        return want.parameter
    names = [source if name == target else name for name in names_in(former)]
    return parameter([name for name in names if name])


def wait_again(change: Change, value: str) -> bool:
    """Let commits wait for a second copy as before; return whether that came about.

    Not while none of those they would wait for is there: every commit would freeze at once.
    """
    with change.steps.step("synchronous", "Commits wait for a second copy again") as step:
        if not change.streams(names_in(value)):
            step.state = "failed"
            step.text = f"Commits do not wait for a second copy: {', '.join(names_in(value))} does not stream"
            return False
        try:
            change.control.synchronous(change.target, value)
        except ControlError as error:
            step.state, step.text = "failed", f"Commits do not wait for a second copy: {error}"
            return False
        step.text = f"Commits wait for {', '.join(names_in(value))}"
    return True


def lead_barman(settings: Settings, steps: Steps, url: str, target: str) -> bool:
    """Let Barman's receiver stream from the new primary (`url`: the monitor's login on it)."""
    with steps.step("barman", f"Barman follows {target}") as step:
        barman = backups.barman_of(settings)
        try:
            streams = _let_it_stream(barman, url)
        except BarmanError as error:
            step.state, step.text = "failed", f"Barman does not follow: {error}"
            return False
        step.text = f"Barman receives WAL from {target}"
        if not streams:
            step.state, step.text = "failed", f"Barman's receiver does not stream from {target}"
    return streams


def _let_it_stream(barman: Barman, url: str) -> bool:
    """Its cron starts a receiver where there is none; one that still hangs on the old primary is ended."""
    if _receives(url):
        return True
    for number, seconds in enumerate(CRON_WAITS):
        if number:
            barman.ask("terminate-process", barman.server, "receive-wal")
        barman.cron()
        if wait_for(lambda: _receives(url), seconds):
            return True
    return False


def _receives(url: str) -> bool:
    return is_streaming(look_at(url), RECEIVER)
