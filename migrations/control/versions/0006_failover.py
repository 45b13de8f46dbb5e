"""rehearsals and switchovers"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of failovers, tried and real."""
    op.create_table(
        "failover",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), server_default="streaming", nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.String(), server_default="running", nullable=False),
        sa.Column("from_server", sa.String(), server_default="", nullable=False),
        sa.Column("to_server", sa.String(), server_default="", nullable=False),
        sa.Column("timeline_before", sa.Integer(), nullable=True),
        sa.Column("timeline_after", sa.Integer(), nullable=True),
        sa.Column("outage_ms", sa.Double(), nullable=True),
        sa.Column("lost_bytes", sa.BigInteger(), nullable=True),
        sa.Column("lost_rows", sa.BigInteger(), nullable=True),
        sa.Column(
            "steps",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "report",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("error", sa.String(), server_default="", nullable=False),
        sa.Column("scratch", sa.String(), server_default="", nullable=False),
        sa.CheckConstraint("kind IN ('rehearsal', 'switchover', 'promotion')", name=op.f("ck_failover_kind")),
        sa.CheckConstraint(
            "status IN ('running', 'done', 'failed', 'broken')", name=op.f("ck_failover_status")
        ),
        sa.CheckConstraint(
            "finished_at IS NULL OR finished_at >= started_at", name=op.f("ck_failover_ends_after_start")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_failover")),
    )
    op.create_index("ix_failover_started_at", "failover", [sa.literal_column("started_at DESC")])


def downgrade() -> None:
    """Drop the table."""
    op.drop_index("ix_failover_started_at", table_name="failover")
    op.drop_table("failover")
