"""Insights of large tenants: sums of all categories and regions, and the largest suppliers along an index.

What sums there are is thrown away: the next refresh computes all of them, and pages say so until then.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

COMPUTE_ANEW = "TRUNCATE kpi_sum, kpi_subject_sum, kpi_state"


def upgrade() -> None:
    op.execute(COMPUTE_ANEW)
    op.create_index(
        "ix_kpi_fact_subject_id",
        "kpi_fact",
        ["family", "subject_id"],
        unique=False,
        postgresql_where=sa.text("bin IS NOT NULL"),
    )
    op.create_index(
        "ix_kpi_subject_sum_largest",
        "kpi_subject_sum",
        ["family", "org_id", "month", sa.literal_column("s1 DESC NULLS LAST")],
        unique=False,
        postgresql_include=["subject_id"],
        postgresql_where=sa.text("family LIKE '%:all'"),
    )


def downgrade() -> None:
    op.execute(COMPUTE_ANEW)
    op.drop_index(
        "ix_kpi_subject_sum_largest",
        table_name="kpi_subject_sum",
        postgresql_where=sa.text("family LIKE '%:all'"),
    )
    op.drop_index(
        "ix_kpi_fact_subject_id", table_name="kpi_fact", postgresql_where=sa.text("bin IS NOT NULL")
    )
