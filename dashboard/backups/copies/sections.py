"""The sections of the copies page: each kind of copy adds its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app

EXTENSION = "backup_copy_sections"


@dataclass(frozen=True)
class Section:
    """A part of the page: its template sees what `build` returns as `part`."""

    template: str
    build: Callable[[], Mapping[str, Any]]
    order: int


def register_section(app: Flask, section: Section) -> None:
    """Add a section."""
    app.extensions.setdefault(EXTENSION, []).append(section)


def list_sections() -> list[tuple[str, Mapping[str, Any]]]:
    """Return each section's template with its values, in order."""
    found: list[Section] = sorted(current_app.extensions.get(EXTENSION, []), key=lambda one: one.order)
    return [(section.template, section.build()) for section in found]
