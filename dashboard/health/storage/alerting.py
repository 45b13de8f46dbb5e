"""Conditions over what is stored: indexes that cannot be used, bloat, sequences near their end."""

from dashboard.alerts.registry import Answer, Breach, Unknown, Watch, condition
from dashboard.alerts.wording import listed
from dashboard.core.filters import bytes_, number, percent
from dashboard.health.alerting import trusted
from dashboard.health.storage.judging import is_bloated, lasting_invalid, nearly_used_up
from dashboard.health.storage.refreshing import BLOAT, INVALID, MINUTE, QUARTER_HOUR, SEQUENCES, SIX_HOURS


@condition("health.index_invalid", every=MINUTE)
def index_invalid(_watch: Watch) -> Answer:
    """An index is there that no read may use, and nobody is making it."""
    reading = trusted(INVALID, "Whether indexes are valid")
    if isinstance(reading, Unknown):
        return reading
    rows = lasting_invalid(reading.data)
    if not rows:
        return []
    names = [f"{row['name']} of {row['example']}.{row['table_name']}{_more(row['schemas'])}" for row in rows]
    return [Breach("", f"Not valid: {listed(names, 5)}.")]


def _more(schemas: int) -> str:
    return f" and in {schemas - 1} other schemas" if schemas > 1 else ""


@condition("health.bloat", every=SIX_HOURS)
def bloat(watch: Watch) -> Answer:
    """More of a large table or index is empty than the limit, a share."""
    reading = trusted(BLOAT, "Bloat")
    if isinstance(reading, Unknown):
        return reading
    return [
        Breach(
            f"{row['schema']}.{row['name']}",
            f"{percent(row['share'], 0)} of the {'index' if row['is_index'] else 'table'}"
            f" {row['schema']}.{row['name']} ({bytes_(row['bytes'])}) is empty, {row['method']}.",
        )
        for row in reading.data["looked_at"]
        if is_bloated(row, watch.limit)
    ]


@condition("health.sequence_used", every=QUARTER_HOUR)
def sequence_used(watch: Watch) -> Answer:
    """More of a sequence is used than the limit, a share."""
    reading = trusted(SEQUENCES, "How far sequences are")
    if isinstance(reading, Unknown):
        return reading
    return [
        Breach(
            f"{row['schema']}.{row['name']}",
            f"{percent(row['share'], 1)} of {row['schema']}.{row['name']} is used:"
            f" {number(row['last_value'])} of {number(row['most'])}, for {row['owner'] or 'no column'}.",
        )
        for row in nearly_used_up(reading.data, watch.limit)
    ]
