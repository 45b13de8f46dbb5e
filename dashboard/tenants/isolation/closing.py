"""What takes away a right that leads from one tenant to another: the statement, for its owner to run."""

import re

from dashboard.tenants.isolation.probes import Opening

EVERYBODY = "everybody (PUBLIC)"  # as openings.sql names it
RIGHT = re.compile(r"(?P<right>[A-Z]+) on (?P<kind>schema|relation|function|type) (?P<thing>.+)")
KINDS = {"schema": "SCHEMA", "relation": "TABLE", "function": "FUNCTION", "type": "TYPE"}


def closing(opening: Opening) -> str:
    """Return the REVOKE that closes it; empty where somebody has to think first (ownership, membership)."""
    found = RIGHT.fullmatch(opening.what) if opening.sort == "grant" else None
    if found is None:
        return ""
    role = "PUBLIC" if opening.who == EVERYBODY else '"{}"'.format(opening.who.replace('"', '""'))
    return f"REVOKE {found['right']} ON {KINDS[found['kind']]} {found['thing']} FROM {role};"
