"""metric history with rollups"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROUNDS = {
    "metric_round": ("readings",),
    "metric_minute": ("means", "peaks"),
    "metric_half_hour": ("means", "peaks"),
}
JSON_TABLE = sa.text("'{}'::jsonb")


def upgrade() -> None:
    # Partitions live in a schema of their own: they come and go by a timed job, not by migrations.
    op.execute("CREATE SCHEMA metric_parts")
    op.create_table(
        "metric_layout",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("names", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metric_layout")),
    )
    op.create_index("uq_metric_layout_key", "metric_layout", ["key"], unique=True)
    for table, arrays in ROUNDS.items():
        op.create_table(
            table,
            sa.Column("layout_id", sa.Integer(), nullable=False),
            sa.Column("at", sa.DateTime(timezone=True), nullable=False),
            *(sa.Column(name, postgresql.ARRAY(sa.REAL()), nullable=False) for name in arrays),
            sa.PrimaryKeyConstraint("layout_id", "at", name=op.f(f"pk_{table}")),
            postgresql_partition_by="RANGE (at)",
        )
        op.execute(f"CREATE TABLE metric_parts.{table}_default PARTITION OF {table} DEFAULT")
    op.create_table(
        "metric_position",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", "at", name=op.f("pk_metric_position")),
        postgresql_partition_by="RANGE (at)",
    )
    op.execute("CREATE TABLE metric_parts.metric_position_default PARTITION OF metric_position DEFAULT")
    op.create_table(
        "metric_progress",
        sa.Column("rollup", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("rollup", name=op.f("pk_metric_progress")),
    )
    op.create_table(
        "metric_source",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen", postgresql.JSONB(), server_default=JSON_TABLE, nullable=False),
        sa.Column("costs", postgresql.JSONB(), server_default=JSON_TABLE, nullable=False),
        sa.Column("failures", postgresql.JSONB(), server_default=JSON_TABLE, nullable=False),
        sa.Column("error", sa.String(), server_default="", nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("source", "tier", name=op.f("pk_metric_source")),
    )
    # A handful of rows, written every ten seconds: vacuum comes by count, not by share.
    op.execute(
        "ALTER TABLE metric_source SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50,"
        " toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 100)"
    )
    # What was sampled until now moves over: positions exactly, everything else as rounds of one series.
    # In the arrays NULL is the figure 0 and NaN is what is not known: most figures are 0 most of the time.
    op.execute(
        "INSERT INTO metric_position (name, at, value)"
        " SELECT name, at, value FROM metric_sample WHERE name = 'wal.position'"
    )
    op.execute(
        "INSERT INTO metric_layout (key, source, names)"
        " SELECT DISTINCT 'sample:' || name, 'primary', ARRAY[name] FROM metric_sample"
        " WHERE name <> 'wal.position'"
    )
    op.execute(
        "INSERT INTO metric_round (layout_id, at, readings)"
        " SELECT l.id, s.at, ARRAY[nullif(s.value::real, 0)] FROM metric_sample AS s"
        " JOIN metric_layout AS l ON l.key = 'sample:' || s.name"
    )
    op.drop_table("metric_sample")


def downgrade() -> None:
    op.create_table(
        "metric_sample",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", "at", name=op.f("pk_metric_sample")),
    )
    op.create_index("ix_metric_sample_at", "metric_sample", ["at"], unique=False)
    # The old release keeps two days of the primary's samples and knows no other source.
    op.execute(
        "INSERT INTO metric_sample (name, at, value)"
        " SELECT name, at, value FROM metric_position WHERE at > now() - interval '2 days'"
    )
    op.execute(
        "INSERT INTO metric_sample (name, at, value)"
        " SELECT l.names[v.n], r.at, coalesce(v.value, 0) FROM metric_round AS r"
        " JOIN metric_layout AS l ON l.id = r.layout_id AND l.source = 'primary'"
        " CROSS JOIN LATERAL unnest(r.readings) WITH ORDINALITY AS v (value, n)"
        " WHERE v.value IS DISTINCT FROM 'NaN' AND r.at > now() - interval '2 days' ON CONFLICT DO NOTHING"
    )
    for table in ("metric_source", "metric_progress", "metric_position", *ROUNDS, "metric_layout"):
        op.drop_table(table)
    op.execute("DROP SCHEMA metric_parts CASCADE")
