"""Owns the list of screens of an application and finds the one for an entity."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flask import current_app

if TYPE_CHECKING:
    from dashboard.records.screen import Screen

EXTENSION = "records"


def by_entity() -> Mapping[str, "Screen"]:
    """Every screen by its entity (the table's name), in the order of the menu."""
    found: Mapping[str, Screen] = current_app.extensions[EXTENSION]
    return found


def screens() -> list["Screen"]:
    """Every screen of this application."""
    return list(by_entity().values())


def find(entity: str) -> "Screen | None":
    """Return the screen of an entity, or None where it has none."""
    return by_entity().get(entity)
