"""Owns the menu: features register their entries, a page shows those its reader may open."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter

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

    def nearness(self, endpoint: str, path: str) -> int:
        """How near it is to a page: its own, above it by address, of the same feature; 0 when not at all."""
        if endpoint == self.endpoint:
            return len(path) + 1
        above = self.url.rstrip("/")
        if above.count("/") > 1 and path.startswith(f"{above}/"):  # all of a desk lies below its first page
            return len(above)
        return int(endpoint.rpartition(".")[0] == self.endpoint.rpartition(".")[0] != "")


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


def current_link(groups: Groups) -> MenuLink | None:
    """The entry to be marked as current: the one that is nearest to the page."""
    here, path = request.endpoint or "", request.path
    near = [(link.nearness(here, path), link) for _title, links in groups for link in links]
    nearness, link = max(near, key=itemgetter(0), default=(0, None))
    return link if nearness else None


def menu_html(draw: Callable[[Groups, MenuLink | None], Markup]) -> Markup:
    """The menu as drawn by the template, drawn once per grants, tenant and entry it marks as current."""
    remembered: dict[object, Markup] = current_app.extensions.setdefault("menu_html", {})
    tenant = getattr(g, "tenant", None)
    grants = getattr(current_user, "grants", None)
    groups = menu_groups()
    current = current_link(groups)
    key = (grants, tenant.slug if tenant else None, current, request.blueprint == "home")
    if key not in remembered:
        if len(remembered) >= REMEMBERED:
            remembered.clear()
        remembered[key] = draw(groups, current)
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
