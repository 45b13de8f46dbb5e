"""evidence of promises"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

STATES = "state IN ('kept', 'at_risk', 'broken', 'unknown', 'attested', 'not_promised')"
SEALED = ("attestation", "promise_report")
REFUSE = """
CREATE FUNCTION public.refuse_evidence_change() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION '% is append-only: evidence is added to, never changed', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $body$
"""


def _moment(name: str, *, is_set: bool = True) -> sa.Column[sa.DateTime]:
    default = sa.text("clock_timestamp()") if is_set else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=False)


def _words(name: str, *, is_empty: bool = False) -> sa.Column[sa.Text]:
    return sa.Column(name, sa.Text(), server_default="" if is_empty else None, nullable=False)


def upgrade() -> None:
    """Make the tables, and let nobody change evidence."""
    op.create_table(
        "promise_standing",
        _words("key"),
        _words("state"),
        _words("value", is_empty=True),
        _words("reason", is_empty=True),
        sa.Column("evidence_at", sa.DateTime(timezone=True), nullable=True),
        _moment("since"),
        _moment("judged_at"),
        sa.CheckConstraint(STATES, name=op.f("ck_promise_standing_state")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_promise_standing")),
    )
    op.create_table(
        "promise_change",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        _words("key"),
        _moment("at"),
        _words("state"),
        _words("value", is_empty=True),
        _words("reason", is_empty=True),
        sa.CheckConstraint(STATES, name=op.f("ck_promise_change_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promise_change")),
    )
    op.create_index("ix_promise_change_key_at", "promise_change", ["key", sa.literal_column("at DESC")])
    op.create_table(
        "checklist_tick",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        _words("step"),
        sa.Column("is_done", sa.Boolean(), nullable=False),
        _words("note", is_empty=True),
        _words("actor"),
        _moment("at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checklist_tick")),
    )
    op.create_index("ix_checklist_tick_step", "checklist_tick", ["step", sa.literal_column("id DESC")])
    _make_sealed()


def _make_sealed() -> None:
    op.create_table(
        "attestation",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        _words("promise"),
        _words("statement"),
        _words("source"),
        sa.Column("stated_on", sa.Date(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        _words("actor"),
        _moment("created_at", is_set=False),
        _words("document_name", is_empty=True),
        _words("document_type", is_empty=True),
        _words("document_sha256", is_empty=True),
        sa.Column("document", sa.LargeBinary(), nullable=True),
        _words("previous_sha256"),
        _words("sha256"),
        sa.CheckConstraint("expires_on > stated_on", name=op.f("ck_attestation_expires_later")),
        sa.CheckConstraint("number > 0", name=op.f("ck_attestation_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_attestation")),
    )
    op.create_index("ix_attestation_promise", "attestation", ["promise", sa.literal_column("number DESC")])
    op.create_table(
        "promise_report",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        _words("content"),
        _words("sha256"),
        _words("previous_sha256"),
        sa.Column("pdf", sa.LargeBinary(), nullable=False),
        _words("pdf_sha256"),
        sa.Column("pdf_bytes", sa.Integer(), nullable=False),
        sa.Column(
            "counts",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        _moment("created_at", is_set=False),
        _words("created_by"),
        sa.CheckConstraint("number > 0", name=op.f("ck_promise_report_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_promise_report")),
    )
    op.execute(REFUSE)
    for table in SEALED:
        run = "EXECUTE FUNCTION public.refuse_evidence_change()"
        op.execute(
            f"CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON public.{table} FOR EACH ROW {run}"
        )
        op.execute(f"CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.{table} {run}")


def downgrade() -> None:
    """Drop the tables, with all evidence."""
    for table in (*SEALED, "checklist_tick", "promise_change", "promise_standing"):
        op.drop_table(table)
    op.execute("DROP FUNCTION public.refuse_evidence_change()")
