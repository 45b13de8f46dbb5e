"""The promises of failover that are settings: how often it is rehearsed, how long people may wait."""

from dashboard.jobs.timing import retime
from dashboard.settings.registry import Definition, declare, when_changed

AREA = "Failover"

declare(
    Definition(
        "failover.every",
        AREA,
        "Failover is rehearsed",
        "0 5 1 1,4,7,10 *",
        kind="cron",
        text="When a failover is rehearsed by itself, on throw-away servers.",
    ),
    Definition(
        "failover.every_days",
        AREA,
        "A failover must have been shown within",
        92,
        unit="days",
        least=1,
        most=731,
        text="By a rehearsal or a switchover that went well. After that the proof counts as old.",
    ),
    Definition(
        "failover.outage_seconds",
        AREA,
        "Writes must be possible again within",
        10,
        kind="length",
        least=1,
        most=3600,
        text="From the last write before a failover to the first after it, as an application sees it.",
    ),
)


def follow_schedule() -> None:
    """Let the timed rehearsal follow the setting that says when it is made."""
    when_changed("failover.every", lambda cron: retime("failover.rehearse", cron))
