"""Where a managed service makes the backups, its own window is what shows retention and gaps."""

from datetime import timedelta

from dashboard.backups.queries import REPOSITORY
from dashboard.compliance.registry import State
from tests.compliance.world import World

DAY = timedelta(days=1)


def window(world: World, *, reach: timedelta | None, has_gap: bool = False) -> None:
    """What the service says of its window."""
    world.configure(backup_provider="rds", rds_instance="erp", rds_region="eu", barman_config=None)
    begin = (world.now - reach).isoformat() if reach else None
    world.read(REPOSITORY, {"checks": [], "window": {"from_at": begin, "has_gap": has_gap}}, every=60)


def test_window_of_the_service_shows_retention_and_gaps(world: World) -> None:
    window(world, reach=30 * DAY)
    world.backup(ended=40 * DAY)
    assert world.judge("backups.retention").state is State.KEPT
    assert world.judge("backups.window").state is State.KEPT


def test_service_that_keeps_less_than_promised_is_told(world: World) -> None:
    window(world, reach=7 * DAY, has_gap=True)
    world.backup(ended=40 * DAY)
    line = world.judge("backups.retention")
    assert line.state is State.BROKEN
    assert "less far than promised" in line.verdict.reason
    assert "WAL is missing" in world.judge("backups.window").verdict.reason


def test_service_that_says_nothing_is_unknown(world: World) -> None:
    window(world, reach=None)
    assert world.judge("backups.retention").state is State.UNKNOWN
    assert world.judge("backups.window").state is State.UNKNOWN
