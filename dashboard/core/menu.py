"""Owns the menu: features register their entries, a page shows those its reader may open."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, current_app, g, request, url_for
from flask_login import current_user
from markupsafe import Markup

from dashboard.core.web import can

GROUPS = {"records": "Records", "insights": "Insights", "database": "Database", "admin": "Administration"}
REMEMBERED = 1000


@dataclass(frozen=True)
class MenuItem:
    """One entry; `order` sorts within its group, `section` gives it a heading there."""

    group: str
    title: str
    endpoint: str
    permission: str
    icon: str = ""
    order: int = 100
    section: str = ""


@dataclass(frozen=True)
class MenuLink:
    """An entry as one person sees it in one tenant."""

    title: str
    url: str
    icon: str
    endpoint: str
    section: str

    @property
    def active(self) -> bool:
        """Whether the current page belongs to it."""
        here = request.endpoint or ""
        return here == self.endpoint or here.rpartition(".")[0] == self.endpoint.rpartition(".")[0] != ""


Groups = list[tuple[str, list[MenuLink]]]


def register_menu(app: Flask, *items: MenuItem) -> None:
    """Add entries to the menu."""
    app.extensions.setdefault("menu", []).extend(items)
    app.extensions.pop("menu_groups", None)
    app.extensions.pop("menu_html", None)


def all_items(app: Flask) -> list[MenuItem]:
    """Every entry, whoever may see it."""
    return sorted(app.extensions.get("menu", []), key=lambda item: (item.order, item.title))


def menu_groups() -> Groups:
    """Groups with the entries this person may open here; entries of a tenant need one.

    People with the same grants see the same menu, so it is put together once for each set of them and tenant.
    """
    remembered: dict[object, Groups] = current_app.extensions.setdefault("menu_groups", {})
    tenant = getattr(g, "tenant", None)
    key = (getattr(current_user, "grants", None), tenant.slug if tenant else None)
    if key not in remembered:
        if len(remembered) >= REMEMBERED:
            remembered.clear()
        remembered[key] = _build()
    return remembered[key]


def menu_html(draw: Callable[[Groups], Markup]) -> Markup:
    """The menu as drawn by the template, drawn once per grants, tenant and page it marks as current."""
    remembered: dict[object, Markup] = current_app.extensions.setdefault("menu_html", {})
    tenant = getattr(g, "tenant", None)
    grants = getattr(current_user, "grants", None)
    key = (grants, tenant.slug if tenant else None, request.endpoint, request.path == "/")
    if key not in remembered:
        if len(remembered) >= REMEMBERED:
            remembered.clear()
        remembered[key] = draw(menu_groups())
    return remembered[key]


def _build() -> Groups:
    visible = [item for item in all_items(current_app) if _reachable(item) and can(item.permission)]
    links = [(item.group, _link(item)) for item in visible]
    groups = [(title, [link for group, link in links if group == key]) for key, title in GROUPS.items()]
    return [(title, links) for title, links in groups if links]


def _link(item: MenuItem) -> MenuLink:
    return MenuLink(item.title, url_for(item.endpoint), item.icon, item.endpoint, item.section)


def _reachable(item: MenuItem) -> bool:
    needs_tenant = current_app.url_map.is_endpoint_expecting(item.endpoint, "tenant")
    return not needs_tenant or getattr(g, "tenant", None) is not None


def init_app(app: Flask) -> None:
    """Give templates `menu_groups()` and `menu_html(macro)`."""
    app.add_template_global(menu_groups, "menu_groups")
    app.add_template_global(menu_html, "menu_html")
