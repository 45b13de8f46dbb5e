"""The setting that says how many schemas are kept ready."""

from dashboard.settings.registry import Definition, declare

SPARES = "tenants.spares"
declare(
    Definition(
        SPARES,
        "Tenants",
        "Schemas kept ready",
        2,
        unit="schemas",
        most=50,
        text="A new tenant takes one of these at once; with none ready it is made of the release's DDL,"
        " which takes less than a second.",
    )
)
