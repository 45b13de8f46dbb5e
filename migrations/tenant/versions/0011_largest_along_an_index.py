"""Insights of large tenants: the index of the largest suppliers holds them, and sums lie as pages read them.

The index of 0010 was made with NULL where it should say `:all`: a colon in SQL text begins a bind. What sums
there are is thrown away: the next refresh computes all of them in their new order, and pages say so until
then.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

COMPUTE_ANEW = "TRUNCATE kpi_sum, kpi_subject_sum, kpi_state"
NAME, TABLE = "ix_kpi_subject_sum_largest", "kpi_subject_sum"


def upgrade() -> None:
    _make(r"family LIKE '%\:all'")


def downgrade() -> None:
    _make("family LIKE '%:all'")


def _make(where: str) -> None:
    op.execute(COMPUTE_ANEW)
    op.drop_index(NAME, table_name=TABLE)
    op.create_index(
        NAME,
        TABLE,
        ["family", "org_id", "month", sa.literal_column("s1 DESC NULLS LAST")],
        unique=False,
        postgresql_include=["subject_id"],
        postgresql_where=sa.text(where),
    )
