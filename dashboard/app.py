"""The factory: the only file that knows every feature."""

import importlib
import importlib.util

from flask import Flask, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_migrate import Migrate

from dashboard import records
from dashboard.core import caching, db, errors, logs, menu, web
from dashboard.core.config import CHECKOUT, Settings, get_settings
from dashboard.core.web import requires
from dashboard.erp.screens import SCREENS
from dashboard.schema_migrations.histories import History
from dashboard.tenancy import views as tenancy


def create_app(settings: Settings | None = None) -> Flask:
    """Build the application. Nothing connects until the first request."""
    settings = settings or get_settings()
    logs.configure()
    app = Flask(
        "dashboard", template_folder=str(CHECKOUT / "templates"), static_folder=str(CHECKOUT / "static")
    )
    app.config.update(SECRET_KEY=settings.secret_key, MAX_CONTENT_LENGTH=32 * 1024 * 1024)
    app.extensions["steward_settings"] = settings
    db.init_app(app, settings)
    Migrate(app, db.db, directory=History.CONTROL.directory)
    errors.init_app(app)
    caching.init_app(app, settings)
    menu.init_app(app)
    for name in ("core.security", "core.filters", "core.assets", "core.mail"):
        _optional(app, name, settings)
    app.before_request(web.identify)
    tenancy.init_app(app)
    web.init_app(app)
    for name in (
        "users",
        "jobs",
        "health",
        "backups",
        "replication",
        "schema_migrations",
        "tenants.jobs",
        "tenants.views",
        "erp",
        "kpis",
    ):
        _optional(app, name, settings)
    records.init_app(app, SCREENS)
    app.add_url_rule("/", "home.index", home)
    from dashboard import cli
    cli.init_app(app)
    return app


def _optional(app: Flask, name: str, settings: Settings) -> None:
    if importlib.util.find_spec("dashboard." + name) is None:
        return
    try:  # TEMPORARY while features are being written side by side
        init = getattr(importlib.import_module("dashboard." + name), "init_app", None)
    except ImportError as error:
        print(f"app.py: skipping {name}: {error}")
        return
    if init:
        try:
            init(app, settings) if init.__code__.co_argcount == 2 else init(app)
        except Exception as error:
            print(f"app.py: init of {name} failed: {error!r}")


@requires("self.account.edit")
def home() -> ResponseReturnValue:
    """Home."""
    return render_template("home/index.html", cards=[])
