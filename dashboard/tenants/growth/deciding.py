"""What the business decides about growth: from when tables are partitioned, from when history is put away."""

from datetime import UTC, date, datetime

from dashboard.settings.registry import Definition, declare

PARTITION_ROWS, ARCHIVE_MONTHS = "growth.partition_rows", "growth.archive_months"
declare(
    Definition(
        PARTITION_ROWS,
        "Growth",
        "Partition a tenant's history or stock moves from",
        1_000_000,
        unit="rows",
        least=10_000,
        text="Smaller tables stay whole: partitions by month would cost them more than they bring.",
    ),
    Definition(
        ARCHIVE_MONTHS,
        "Growth",
        "Put row history away into files after",
        0,
        unit="months",
        least=0,
        most=600,
        text="0: never. Whole partitions go into a verified file; they can be brought back. 3 stay at least.",
    ),
)
LEAST_MONTHS = 3  # insights and undoing read the history of recent changes
RESTED_DAYS = 30  # what was brought back stays at least so long


def today() -> date:
    """Today, in UTC: partitions are cut by it."""
    return datetime.now(UTC).date()


def before(day: date, months: int) -> datetime | None:
    """History wholly before this moment is put away; None: never."""
    if not months:
        return None
    count = day.year * 12 + day.month - 1 - max(months, LEAST_MONTHS)
    return datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)
