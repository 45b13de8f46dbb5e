"""The drift pages: groups of schemas by what they consist of, and two groups side by side."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from dashboard.core.web import requires
from dashboard.health.queries import get_reading
from dashboard.schema_migrations import queries
from dashboard.schema_migrations.drift.groups import RevisionGroups, group
from dashboard.schema_migrations.drift.queries import compare_group, find_group
from dashboard.schema_migrations.drift.service import LOOK

pages = Blueprint("drift", __name__, url_prefix="/database/migrations/drift")
PERMISSION = "database.migrations.view"


@pages.get("/")
@requires(PERMISSION)
def page() -> ResponseReturnValue:
    """Each revision with its groups."""
    ledger, groups = _groups()
    return render_template(
        "schema_migrations/drift.html", ledger=ledger, groups=groups, look=get_reading(LOOK)
    )


@pages.get("/<revision>/<fingerprint>")
@requires(PERMISSION)
def details(revision: str, fingerprint: str) -> ResponseReturnValue:
    """One group beside what most schemas of its revision consist of."""
    ledger, groups = _groups()
    found, chosen = find_group(groups, revision, fingerprint)
    return render_template(
        "schema_migrations/difference.html", ledger=ledger, found=compare_group(found, chosen)
    )


def _groups() -> tuple[queries.Ledger, list[RevisionGroups]]:
    ledger = queries.get_ledger(queries.get_heads_reading())
    return ledger, group(ledger.rows)
