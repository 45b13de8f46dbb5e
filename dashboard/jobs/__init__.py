"""Jobs: long work in RQ workers with a row each, progress, log, schedules and an outbox."""

from flask import Flask

from dashboard.core.menu import MenuItem, register_menu
from dashboard.jobs.links import run_url
from dashboard.jobs.registry import import_jobs
from dashboard.jobs.views import pages


def init_app(app: Flask) -> None:
    """Register the pages, and every feature's jobs so that workers and pages know them."""
    import_jobs()
    app.register_blueprint(pages)
    app.add_template_global(run_url, "run_url")
    register_menu(app, MenuItem("database", "Jobs", "jobs.index", "database.jobs.view", "list-check", 80))
