"""Says what to do about a group of schemas that differ, from what differs and whose schemas they are."""

from collections.abc import Sequence

from dashboard.schema_migrations.drift.comparing import EXTRA, MISSING, OTHER, Change
from dashboard.schema_migrations.drift.groups import Group


def advise(group: Group, changes: Sequence[Change]) -> list[str]:
    """Return sentences in the order of doing."""
    kinds = {member.kind for member in group.members}
    found = [_remake(kind) for kind in ("template", "spare") if kind in kinds]
    if any(change.kind == "index" and _is_invalid(change) for change in changes):
        found.append(
            "An index that is not valid is what a broken CREATE INDEX CONCURRENTLY left: drop it with"
            " DROP INDEX CONCURRENTLY and build it again."
        )
    if any(change.is_of_rights for change in changes):
        found.append("Rights or owners differ: look at that first, since isolation rests on them.")
    found += [words for what, words in WORDS.items() if any(change.what == what for change in changes)]
    found.append(
        f"The definitions name no schema: SET search_path TO {group.schemas[0]}, public before you run any."
    )
    return [*found, "Then look again: the groups become one."]


WORDS = {
    MISSING: "What is missing here is created as the reference has it, with a short lock_timeout.",
    EXTRA: "What is only here was most likely made by hand. If all should have it, write a migration;"
    " else remove it here, after asking who made it.",
    OTHER: "What differs is altered to the reference's definition; if this one is the right one, write a"
    " migration that brings the others to it.",
}


def _remake(kind: str) -> str:
    if kind == "template":
        return "The template is among them: new tenants would be like it. Drop it; it is made anew."
    return "Spares are among them: drop these, new ones are made."


def _is_invalid(change: Change) -> bool:
    return any("NOT VALID" in line.text for line in change.here)
