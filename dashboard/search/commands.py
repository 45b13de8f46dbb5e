"""Owns the palette's commands: new records and the pages of the menu, as far as a person may open them."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import g

from dashboard.core.menu import menu_groups
from dashboard.records import registry

MOST = 6


@dataclass(frozen=True)
class Command:
    """Something to do or a page to open."""

    title: str
    url: str
    icon: str
    hint: str = ""


def matching(words: Sequence[str]) -> list[Command]:
    """Commands in whose title every word begins a word; without words those used first."""
    found = [command for command in _all() if _fits(command.title, words)]
    return found[:MOST]


def _all() -> list[Command]:
    new = [
        Command(f"New {screen.spec.noun}", screen.spec.url("create_view"), "plus", "Create")
        for screen in (registry.screens() if g.get("tenant") else [])
        if screen.in_menu and screen.spec.allows("create")
    ]
    pages = [
        Command(link.title, link.url, link.icon or "point", group)
        for group, links in menu_groups()
        for link in links
    ]
    return [*new[:3], *pages, *new[3:]]


def _fits(title: str, words: Sequence[str]) -> bool:
    parts = title.lower().split()
    return all(any(part.startswith(word.lower()) for part in parts) for word in words)
