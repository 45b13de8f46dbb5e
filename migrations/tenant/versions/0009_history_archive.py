"""Which parts of the row history were put away into files, and which were brought back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "history_archive",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("lower_id", sa.BigInteger(), nullable=True),
        sa.Column("upper_id", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column(
            "net",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "operation IN ('archived', 'restored')", name=op.f("ck_history_archive_operation_known")
        ),
        sa.CheckConstraint("lower_id < upper_id", name=op.f("ck_history_archive_bounds_in_order")),
        sa.CheckConstraint("jsonb_typeof(net) = 'object'", name=op.f("ck_history_archive_net_object")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history_archive")),
    )
    op.execute("SELECT public.make_append_only('history_archive', false)")


def downgrade() -> None:
    op.drop_table("history_archive")
