"""Owns finding the record a cell names: by its key in another system, number, code, or name."""

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dashboard.records.columns import LABEL_NAMES, Column, humanize, in_sentence

CHUNK = 5000
KEYS = ("external_key", "number", "code", "sku")
Found = dict[str, int | str]


def resolve(session: Session, column: Column, texts: Collection[str], org_id: int | None) -> Found:
    """The id of the record each text names, or a sentence why there is none."""
    reference = column.reference
    if reference is None:
        return {}
    table: sa.Table = reference.model.__table__
    left = set(texts)
    found: Found = {}
    names = [key for key in dict.fromkeys((*KEYS, reference.label, *LABEL_NAMES)) if key in table.columns]
    for name in names:
        for part in _parts(left):
            found |= _by(session, table, name, part, org_id)
        left -= found.keys()
    noun = in_sentence(humanize(reference.entity))
    return found | {text: f"There is no {noun} “{text[:60]}”." for text in left}


def _by(session: Session, table: sa.Table, name: str, texts: list[str], org_id: int | None) -> Found:
    exact = name in KEYS
    key: Any = table.c[name] if exact else sa.func.lower(table.c[name])
    wanted = {text if exact else text.lower(): text for text in texts}
    query = sa.select(key, sa.func.min(table.c.id), sa.func.count()).where(key.in_(wanted)).group_by(key)
    if "deleted_at" in table.columns:
        query = query.where(table.c.deleted_at.is_(None))
    if org_id is not None and "org_id" in table.columns:
        query = query.where(table.c.org_id == org_id)
    noun = in_sentence(humanize(str(table.name)))
    hits = {
        value: row_id if count == 1 else f"{count} {noun} records are called “{value[:60]}”."
        for value, row_id, count in session.execute(query)
    }
    folded = {text: text if exact else text.lower() for text in texts}
    return {text: hits[value] for text, value in folded.items() if value in hits} if wanted else {}


def _parts(texts: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(list(texts))
    while part := list(islice(rest, CHUNK)):
        yield part
