"""The uploaded files of a tenant as a whole: copied for a clone, removed after the last dump."""

from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.files.setup import current_setup
from dashboard.files.store import MissingObjectError


def copy_all(keys: list[str], source: str, target: str, tick: Callable[[int, int], None]) -> list[str]:
    """Copy objects from one prefix to another, names kept; returns the keys that are not there."""
    store, missing = current_setup().store, []
    for number, key in enumerate(keys):
        tick(number, len(keys))
        try:
            with store.open(key) as stream:
                store.put(f"{target}/{key.removeprefix(f'{source}/')}", stream)
        except MissingObjectError:
            missing.append(key)
    return missing


def remove_all(schema: str) -> int:
    """Remove everything below a prefix; returns how many. One that a tenant still has is left alone."""
    with Session(db.engines["owner"]) as session:
        if session.scalar(text("SELECT 1 FROM public.tenant WHERE schema_name = :name"), {"name": schema}):
            return 0
    store, removed = current_setup().store, 0
    for folder in store.folders(schema):
        for stored in list(store.objects(folder)):
            store.delete(stored.key)
            removed += 1
    return removed
