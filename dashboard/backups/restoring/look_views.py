"""Looking into a restore that is ready: databases, tenants, tables, rows. Nothing can be written here."""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from dashboard.audit.service import record_operation
from dashboard.backups.restoring import looking, queries, service
from dashboard.backups.restoring.models import Restore
from dashboard.backups.restoring.views import VIEW, pages
from dashboard.core.errors import ConflictError, UnavailableError
from dashboard.core.web import requires
from dashboard.servers.scratch import ScratchServer

LAST_PAGE = 10_000
__all__ = ["pages"]
LOOK = "/<int:restore_id>/look/"


def _open(restore_id: int) -> tuple[Restore, ScratchServer]:
    restore = queries.get_restore(restore_id)
    server = service.find_scratch(restore)
    if server is None:
        raise ConflictError(
            "There is nothing to look into.", fix="Only a restore that is ready runs a server."
        )
    return restore, server


@pages.get(LOOK)
@requires(VIEW)
def databases(restore_id: int) -> ResponseReturnValue:
    """The databases, and the tenants of each; says so when the server does not answer."""
    restore, server = _open(restore_id)
    try:
        found = [
            (name, size, looking.list_places(server, name)) for name, size in looking.list_databases(server)
        ]
        problem = ""
    except UnavailableError as error:
        found, problem = [], f"{error.message} {error.fix}".strip()
    return render_template("backups/restores/look.html", restore=restore, databases=found, problem=problem), (
        503 if problem else 200
    )


@pages.get(f"{LOOK}<database>/<slug>/")
@requires(VIEW)
def tables(restore_id: int, database: str, slug: str) -> ResponseReturnValue:
    """A tenant's tables with estimated counts; `?count=name` counts one exactly."""
    restore, server = _open(restore_id)
    place = looking.get_place(server, database, slug)
    listed = looking.list_tables(server, database, place)
    wanted = request.args.get("count", "")
    counted = {
        table.name: looking.count_rows(server, database, place, table)
        for table in listed
        if table.name == wanted
    }
    return render_template(
        "backups/restores/tables.html",
        restore=restore,
        database=database,
        place=place,
        tables=listed,
        counted=counted,
    )


@pages.get(f"{LOOK}<database>/<slug>/<table>/")
@requires(VIEW)
def rows(restore_id: int, database: str, slug: str, table: str) -> ResponseReturnValue:
    """Rows of a table, fifty a page. Reading people's data is put on record."""
    restore, server = _open(restore_id)
    place = looking.get_place(server, database, slug)
    facts = looking.get_table(server, database, place, table)
    page = min(max(request.args.get("page", 1, type=int), 1), LAST_PAGE)
    shown = looking.read_rows(server, database, place, facts, page)
    record_operation("restore.looked_into", target=f"restore {restore_id}: {place.schema}.{table}")
    return render_template(
        "backups/restores/rows.html",
        restore=restore,
        database=database,
        place=place,
        table=facts,
        shown=shown,
        first=(page - 1) * looking.PAGE_ROWS + 1,
    )
