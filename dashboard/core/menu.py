"""Owns the menu: features register their entries, a page shows those its reader may open."""

from dataclasses import dataclass

from flask import Flask, current_app, g, request, url_for

from dashboard.core.web import can

GROUPS = {"records": "Records", "insights": "Insights", "database": "Database", "admin": "Administration"}


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

    @property
    def url(self) -> str:
        """Where it leads, within the current tenant."""
        return url_for(self.endpoint)

    @property
    def active(self) -> bool:
        """Whether the current page belongs to it."""
        here = request.endpoint or ""
        return here == self.endpoint or here.rpartition(".")[0] == self.endpoint.rpartition(".")[0] != ""


def register_menu(app: Flask, *items: MenuItem) -> None:
    """Add entries to the menu."""
    app.extensions.setdefault("menu", []).extend(items)


def all_items(app: Flask) -> list[MenuItem]:
    """Every entry, whoever may see it."""
    return sorted(app.extensions.get("menu", []), key=lambda item: (item.order, item.title))


def menu_groups() -> list[tuple[str, list[MenuItem]]]:
    """Groups with the entries this person may open here; entries of a tenant need one."""
    visible = [item for item in all_items(current_app) if _reachable(item) and can(item.permission)]
    groups = [(title, [item for item in visible if item.group == key]) for key, title in GROUPS.items()]
    return [(title, items) for title, items in groups if items]


def _reachable(item: MenuItem) -> bool:
    needs_tenant = current_app.url_map.is_endpoint_expecting(item.endpoint, "tenant")
    return not needs_tenant or getattr(g, "tenant", None) is not None


def init_app(app: Flask) -> None:
    """Give templates `menu_groups()`."""
    app.add_template_global(menu_groups, "menu_groups")
