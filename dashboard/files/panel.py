"""Owns the Files panel of every record. It reads rows only: the page works with the store away."""

from collections.abc import Iterable
from typing import Any

from flask import Flask, render_template
from markupsafe import Markup

from dashboard.core.db import db
from dashboard.core.web import can
from dashboard.files import guards, previews, queries
from dashboard.files.kinds import EXTENSIONS
from dashboard.files.setup import current_setup
from dashboard.records.extensions import Panel, add_panels
from dashboard.records.spec import Spec

ORDER = 60


def init_app(app: Flask) -> None:
    """Add the panel to all records."""
    add_panels(app, show)


def show(spec: Spec, record: Any) -> Iterable[Panel]:
    """The panel of one record, or the reason why its files are hidden now."""
    session = db.session()
    hidden = guards.hidden_reason(session, spec.entity, record.id)
    chains = queries.list_chains(session, spec.entity, record.id)
    live = [chain for chain in chains if not chain.is_deleted]
    setup = current_setup()
    html = render_template(
        "files/panel.html",
        spec=spec,
        record=record,
        hidden=hidden,
        count=len(live),
        live=[] if hidden else live,
        deleted=[] if hidden else [chain for chain in chains if chain.is_deleted],
        editable=can(f"records.{spec.entity}.edit") and not getattr(record, "deleted_at", None),
        has_preview=previews.has_preview,
        max_bytes=setup.max_bytes,
        accept=",".join(f".{end}" for kind in sorted(setup.types) for end in EXTENSIONS.get(kind, ())),
    )
    title = f"Files ({len(live)})" if live else "Files"
    yield Panel("files", title, Markup(html), order=ORDER)  # noqa: S704  # rendered with escaping
