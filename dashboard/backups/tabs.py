"""The tabs of the backups desk: each part adds its own page."""

from dataclasses import dataclass

from flask import Flask, current_app, request, url_for

from dashboard.core.web import can


@dataclass(frozen=True)
class Tab:
    """A page of the desk; it stays marked on every endpoint of its blueprint."""

    title: str
    endpoint: str
    permission: str
    order: int


def register_tab(app: Flask, tab: Tab) -> None:
    """Add a page."""
    app.extensions.setdefault("backup_tabs", []).append(tab)


def list_tabs() -> list[tuple[str, str, bool]]:
    """Return title, address and whether it is the current one, of the pages this person may open."""
    found: list[Tab] = sorted(current_app.extensions.get("backup_tabs", []), key=lambda tab: tab.order)
    return [
        (tab.title, url_for(tab.endpoint), tab.endpoint.partition(".")[0] == request.blueprint)
        for tab in found
        if can(tab.permission)
    ]
