"""What the business decides about the last dumps of tenants."""

from dashboard.settings.registry import Definition, declare

KEEP_DAYS = "tenants.keep_deleted_days"
declare(
    Definition(
        KEEP_DAYS,
        "Tenants",
        "Keep the last dump of deleted tenants",
        90,
        unit="days",
        least=0,
        most=3650,
        text="Until then a deleted tenant can be restored, with its files; restored dumps stay as long.",
    )
)
