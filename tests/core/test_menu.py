"""Which entry of the menu a page is marked under."""

import pytest
from flask import Flask
from werkzeug.routing import Rule

from dashboard.core import menu
from dashboard.core.menu import MenuLink

LINKS = [
    MenuLink("Overview", "/database/", "", "health.overview", ""),
    MenuLink("Migrations", "/database/migrations/", "", "schema_migrations.page", ""),
    MenuLink("Backups", "/database/backups/", "", "backups.page", ""),
    MenuLink("Tenants", "/admin/tenants/", "", "tenants.index", ""),
    MenuLink("Archives", "/admin/tenants/archives/", "", "lifecycle.archives", ""),
]


@pytest.mark.parametrize(
    ("endpoint", "path", "title"),
    [
        ("health.overview", "/database/", "Overview"),
        ("fleet.plan", "/database/migrations/plans/1/", "Migrations"),
        ("lifecycle.act", "/admin/tenants/acme/rename", "Tenants"),
        ("lifecycle.restore_archive", "/admin/tenants/archives/1/restore", "Archives"),
        ("backups.restores", "/database/restores/", "Backups"),
        ("users.account", "/account/", None),
        ("drills.page", "/database/drills/", None),
    ],
)
def test_page_is_marked_under_the_nearest_entry(
    endpoint: str, path: str, title: str | None, app: Flask
) -> None:
    with app.test_request_context(path) as context:
        context.request.url_rule = Rule(path, endpoint=endpoint)
        found = menu.current_link([("Desks", LINKS)])
    assert (found.title if found else None) == title
