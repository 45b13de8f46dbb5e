"""Insights: sums by subject are found by subject, month and category along their key, which they are written in.

Figures are computed anew by the next refresh: over a full table the two indexes would take a minute's lock.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

COMPUTE_ANEW = "TRUNCATE kpi_fact, kpi_sum, kpi_subject_sum, kpi_state"
KEY = "pk_kpi_subject_sum"
BY_SUBJECT = ["family", "subject_id", "month", "category_id", "region", "org_id"]
BY_BUCKET = ["family", "org_id", "month", "category_id", "region"]


def upgrade() -> None:
    _replace(BY_SUBJECT, "subject_id", "org_id", BY_BUCKET)


def downgrade() -> None:
    _replace([*BY_BUCKET, "subject_id"], "org_id", "subject_id", BY_SUBJECT[:3])


def _replace(key: list[str], old: str, new: str, columns: list[str]) -> None:
    op.execute(COMPUTE_ANEW)
    op.drop_index(f"ix_kpi_subject_sum_{old}", table_name="kpi_subject_sum")
    op.drop_constraint(KEY, "kpi_subject_sum", type_="primary")
    op.create_primary_key(KEY, "kpi_subject_sum", key)
    op.create_index(f"ix_kpi_subject_sum_{new}", "kpi_subject_sum", columns, unique=False)
