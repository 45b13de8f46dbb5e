"""durability lost and regained"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), server_default="", nullable=False)


def upgrade() -> None:
    """Make the table of periods without a synchronous copy."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "durability_loss",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("standby", sa.String(), nullable=False),
        _text("primary"),
        sa.Column("since", moment, server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("until", moment, nullable=True),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("restore", sa.String(), server_default="automatic", nullable=False),
        _text("actor"),
        _text("reason"),
        sa.Column("commits", sa.Integer(), nullable=True),
        *(_text(name) for name in ("held_lsn", "since_lsn", "until_lsn", "closed_by", "closing")),
        sa.CheckConstraint(
            "cause IN ('automatic', 'operator', 'found')", name=op.f("ck_durability_loss_cause")
        ),
        sa.CheckConstraint("restore IN ('automatic', 'by_hand')", name=op.f("ck_durability_loss_restore")),
        sa.CheckConstraint(
            "until IS NULL OR until >= since", name=op.f("ck_durability_loss_ends_after_start")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_durability_loss")),
    )
    op.create_index(
        "uq_durability_loss_open",
        "durability_loss",
        [sa.literal_column("(until IS NULL)")],
        unique=True,
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_index("ix_durability_loss_since", "durability_loss", [sa.literal_column("since DESC")])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("durability_loss")
