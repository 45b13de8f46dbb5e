"""Owns what features above the engine add to its pages: panels and actions of a record, links of a list."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from flask import Flask, current_app
from markupsafe import Markup

from dashboard.records.spec import Spec

EXTENSION = "steward_record_extensions"
Place = Literal["top", "main", "side"]


@dataclass(frozen=True)
class Panel:
    """A card on the page of a record; `order` sorts the panels of a place, low first."""

    key: str
    title: str
    html: Markup
    place: Place = "main"
    order: int = 100


@dataclass(frozen=True)
class Action:
    """A button: a link, or a POST form where it changes something. Who offers it has asked `can` before."""

    label: str
    url: str
    icon: str = ""
    post: bool = False
    style: str = ""
    """`primary`, `danger` or plain."""


PanelSource = Callable[[Spec, Any], Iterable[Panel]]
ActionSource = Callable[[Spec, Any], Iterable[Action]]
LinkSource = Callable[[Spec], Iterable[Action]]


@dataclass(frozen=True)
class _Sources:
    panels: list[PanelSource]
    actions: list[ActionSource]
    links: list[LinkSource]


def _sources(app: Flask) -> _Sources:
    sources: _Sources = app.extensions.setdefault(EXTENSION, _Sources([], [], []))
    return sources


def add_panels(app: Flask, source: PanelSource) -> None:
    """Let a feature add panels to records; the source picks its entities by `spec.entity`."""
    _sources(app).panels.append(source)


def add_actions(app: Flask, source: ActionSource) -> None:
    """Let a feature add buttons beside a record's heading."""
    _sources(app).actions.append(source)


def add_list_links(app: Flask, source: LinkSource) -> None:
    """Let a feature add buttons above a list."""
    _sources(app).links.append(source)


def panels(spec: Spec, record: Any) -> dict[str, list[Panel]]:
    """The panels of a record by place."""
    found = [panel for source in _sources(current_app).panels for panel in source(spec, record)]
    found.sort(key=lambda panel: panel.order)
    return {place: [panel for panel in found if panel.place == place] for place in ("top", "main", "side")}


def actions(spec: Spec, record: Any) -> list[Action]:
    """The buttons of a record."""
    return [action for source in _sources(current_app).actions for action in source(spec, record)]


def list_links(spec: Spec) -> list[Action]:
    """The buttons of a list."""
    return [action for source in _sources(current_app).links for action in source(spec)]
