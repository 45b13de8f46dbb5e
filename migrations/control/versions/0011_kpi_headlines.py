"""headline figures of tenants"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "kpi_headline",
        sa.Column("tenant_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=True),
        sa.Column("previous", sa.Numeric(), nullable=True),
        sa.Column("target", sa.Numeric(), nullable=True),
        sa.Column("verdict", sa.String(), server_default="", nullable=False),
        sa.Column("n", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("currency", sa.String(), server_default="", nullable=False),
        sa.Column("as_of", MOMENT, nullable=True),
        sa.Column("read_at", MOMENT, server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint("verdict IN ('', 'met', 'missed')", name=op.f("ck_kpi_headline_verdict")),
        sa.CheckConstraint("extract(day FROM month) = 1", name=op.f("ck_kpi_headline_whole_month")),
        sa.PrimaryKeyConstraint("tenant_id", "code", name=op.f("pk_kpi_headline")),
    )


def downgrade() -> None:
    op.drop_table("kpi_headline")
