"""Reads for the drift pages: the groups as they are now, and the definitions behind them."""

from dataclasses import dataclass

from sqlalchemy import select

from dashboard.core.db import db
from dashboard.core.errors import NotFoundError
from dashboard.schema_migrations.drift.advice import advise
from dashboard.schema_migrations.drift.comparing import Change, compare
from dashboard.schema_migrations.drift.groups import Group, RevisionGroups
from dashboard.schema_migrations.drift.models import SchemaDefinition


@dataclass(frozen=True)
class Comparison:
    """One group beside the reference; `changes` is None while one of the definitions is not stored."""

    revision: str
    group: Group
    reference: Group
    changes: list[Change] | None
    advice: list[str]


def find_group(groups: list[RevisionGroups], revision: str, fingerprint: str) -> tuple[RevisionGroups, Group]:
    """Return a group that is not the reference. Raises NotFoundError when it is gone, mended perhaps."""
    for found in groups:
        for other in found.others:
            if found.revision == revision and other.fingerprint == fingerprint:
                return found, other
    raise NotFoundError(
        "No schemas differ in this way any more.", fix="Look at the list: they may have been mended or moved."
    )


def compare_group(found: RevisionGroups, group: Group) -> Comparison:
    """Return a group beside the reference of its revision."""
    kept = _definitions(group.fingerprint, found.reference.fingerprint)
    here, there = kept.get(group.fingerprint), kept.get(found.reference.fingerprint)
    changes = compare(here, there) if here is not None and there is not None else None
    advice = advise(group, changes) if changes else []
    return Comparison(found.revision, group, found.reference, changes, advice)


def _definitions(*fingerprints: str) -> dict[str, list[list[str]]]:
    wanted = select(SchemaDefinition).where(SchemaDefinition.fingerprint.in_(fingerprints))
    return {row.fingerprint: row.objects for row in db.session.scalars(wanted)}
