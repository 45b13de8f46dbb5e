"""The role that keeps sealed prices, and how a tenant migration hands tables over to it."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SEALER = """
DO $body$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'steward_sealer') THEN
        CREATE ROLE steward_sealer NOLOGIN NOINHERIT;
    END IF;
END $body$
"""

# SQL functions cannot raise by themselves.
REFUSE = """
CREATE FUNCTION public.refuse(reason text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION '%', reason USING ERRCODE = 'restrict_violation';
END $body$
"""

# Handing over needs membership, which is given back at once. The lock keeps two migrations from doing both at a time.
SEAL_OFF = """
CREATE FUNCTION public.seal_off(tables text[], functions text[]) RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    target text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('steward_sealer'));
    EXECUTE format('GRANT steward_sealer TO %I', current_user);
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO steward_sealer', current_schema());
    FOREACH target IN ARRAY tables LOOP
        EXECUTE format('ALTER TABLE %I.%I OWNER TO steward_sealer', current_schema(), target);
    END LOOP;
    FOREACH target IN ARRAY functions LOOP
        EXECUTE format('ALTER FUNCTION %I.%s OWNER TO steward_sealer', current_schema(), target);
    END LOOP;
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM steward_sealer', current_schema());
    EXECUTE format('REVOKE steward_sealer FROM %I', current_user);
END $body$
"""


def upgrade() -> None:
    for statement in (SEALER, REFUSE, SEAL_OFF):
        op.execute(statement)
    op.execute("REVOKE EXECUTE ON FUNCTION public.seal_off(text[], text[]) FROM PUBLIC")


def downgrade() -> None:
    op.execute("DROP FUNCTION public.seal_off(text[], text[])")
    op.execute("DROP FUNCTION public.refuse(text)")
    # the role stays, as steward_tenant does: roles belong to the cluster
