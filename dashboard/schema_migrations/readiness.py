"""Answers whether every database stands at the head this code was written for, or beyond (part of `/readyz`).

Beyond is well: during a release the old code goes on serving while the schema is new already, which every
migration has to allow (docs/release.md). A revision this code does not know is taken for a newer one.
"""

from sqlalchemy import text

from dashboard.core.db import db
from dashboard.health.readiness import NotReadyError
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.revisions import list_revisions
from dashboard.schema_migrations.service import heads

BEHIND = text(
    "SELECT t.slug FROM public.tenant AS t LEFT JOIN public.schema_head AS h ON h.tenant_id = t.id"
    " WHERE t.status <> 'archived' AND (h.revision IS NULL OR h.revision = ANY(:older)) ORDER BY 1 LIMIT 5"
)


def check_heads() -> None:
    """Raise NotReadyError naming the history or the tenants that are not at their head."""
    with db.engines["control"].connect() as connection:
        control = connection.scalar(text("SELECT version_num FROM alembic_version"))
    with db.engine.connect() as connection:
        shared = connection.scalar(text("SELECT version_num FROM public.shared_version"))
        behind = connection.scalars(BEHIND, {"older": older(History.TENANT)}).all()
    for history, found in ((History.CONTROL, control), (History.SHARED, shared)):
        if found is None or found in older(history):
            raise NotReadyError(
                f"the {history.value} history is at {found}, the code needs {heads(history)[0]}"
            )
    if behind:
        raise NotReadyError(f"not at the tenant head {heads(History.TENANT)[0]}: {', '.join(behind)}")


def older(history: History) -> list[str]:
    """The revisions in the code that are no head."""
    return [revision.id for revision in list_revisions(history) if not revision.is_head]
