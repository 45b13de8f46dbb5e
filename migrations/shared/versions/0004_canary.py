"""A clocked row a minute: restore drills look whether every one of them came back."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "steward_canary",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("token", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_steward_canary"),
        schema="public",
    )
    # The owner alone writes it; neither the app login nor a tenant has anything to do with it.
    op.execute("REVOKE ALL ON public.steward_canary FROM PUBLIC")
    op.execute("GRANT SELECT ON public.steward_canary TO steward_monitor")


def downgrade() -> None:
    op.drop_table("steward_canary", schema="public")
