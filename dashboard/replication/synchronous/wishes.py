"""Changes what is wanted of the synchronous copy: four settings as one. Flushes; the view commits."""

from collections.abc import Mapping

from dashboard.core.errors import InvalidInputError
from dashboard.replication.synchronous.declared import DEGRADE_AFTER, RESTORE, STANDBY, SYNCHRONOUS
from dashboard.settings import queries
from dashboard.settings.service import Change, save

KEYS = (SYNCHRONOUS, STANDBY, DEGRADE_AFTER, RESTORE)


def shown() -> dict[str, str]:
    """Return the four settings as people write them."""
    held = {key: queries.get_setting(key) for key in KEYS}
    return {key: row.definition.write(row.value) for key, row in held.items()}


def save_wishes(written: Mapping[str, str], *, actor: str) -> list[str]:
    """Save those that differ and return their keys; owner and confirmation of each stay, a note too.

    The first save of the switch itself counts even when it is the default: from then on it is a decision.
    Raises InvalidInputError (field degrade_after).
    """
    changed = []
    for key, value in written.items():
        held = queries.get_setting(key)
        try:
            same = held.definition.read(value) == held.value
        except ValueError as error:
            raise InvalidInputError(
                "The settings were not saved.", fields={key.rpartition(".")[2]: str(error)}
            ) from error
        if same and (held.row is not None or key != SYNCHRONOUS):
            continue
        row = held.row
        confirmed = None if row is None or not same else row.confirmed_on
        owner, note = (row.owner, row.note) if row else ("", "")
        save(key, Change(value, owner, note, confirmed, held.version), actor=actor)
        changed.append(key)
    return changed
