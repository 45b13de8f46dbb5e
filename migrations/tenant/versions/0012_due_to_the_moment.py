"""Insights: facts know the moment they fall due, not the day, and are looked at once, when it has come.

The facts are thrown away with their sums: the next refresh computes all of them, and pages say so until then.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

COMPUTE_ANEW = "TRUNCATE kpi_fact, kpi_sum, kpi_subject_sum, kpi_state"


def upgrade() -> None:
    _replace("due_on", sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    _replace("due_at", sa.Column("due_on", sa.Date(), nullable=True))


def _replace(old: str, new: sa.Column[object]) -> None:
    op.execute(COMPUTE_ANEW)
    op.drop_index(f"ix_kpi_fact_{old}", table_name="kpi_fact")
    op.drop_column("kpi_fact", old)
    op.add_column("kpi_fact", new)
    op.create_index(
        f"ix_kpi_fact_{new.name}",
        "kpi_fact",
        ["family", new.name],
        unique=False,
        postgresql_where=sa.text(f"{new.name} IS NOT NULL"),
    )
