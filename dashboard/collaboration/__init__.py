"""What people say about records and owe each other: comments, activities, notifications."""

from flask import Flask

from dashboard.collaboration import bell, models, timeline, views  # noqa: F401  # the tables belong to every tenant


def init_app(app: Flask) -> None:
    """Register the pages, the panel on records, the entries of their timeline, and the bell."""
    app.register_blueprint(views.pages)
    timeline.init_app(app)
    app.add_template_global(bell.read, "notification_bell")
