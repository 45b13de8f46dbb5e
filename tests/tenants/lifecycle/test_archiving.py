"""An archived or deleted tenant comes back as it was; whatever breaks on the way leaves it as it was, too."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from dashboard.backups.copies.place import place_of
from dashboard.core.db import db
from dashboard.core.errors import ConflictError
from dashboard.jobs.store import control_transaction
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.drift import definition
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.models import SchemaHead
from dashboard.settings import service as settings
from dashboard.tenancy import queries as tenancy
from dashboard.tenants.lifecycle import archiving, dumping, keeping, restoring
from dashboard.tenants.lifecycle.models import TenantArchive
from dashboard.users import service as users
from dashboard.users.models import Grant
from tests.conftest import PASSWORD
from tests.tenants.lifecycle.conftest import CONTENT, Town, files_of

pytestmark = [pytest.mark.commits, pytest.mark.xdist_group("lifecycle")]


def fingerprint(town: Town) -> str:
    """What the tenant's schema consists of."""
    with db.engines["owner"].begin() as connection:
        return definition.fingerprint(connection, town.tenant.schema, role=town.tenant.role)


def heads(town: Town) -> list[str]:
    """The tenant's line in the ledger."""
    with db.engines["owner"].begin() as connection:
        query = select(SchemaHead.schema_name).where(SchemaHead.tenant_id == town.past.tenant.id)
        return list(connection.scalars(query))


def test_an_archived_tenant_comes_back_with_every_definition_row_and_number(town: Town) -> None:
    schema, slug = town.tenant.schema, town.tenant.slug
    truth, sequences, before = town.past.truth(), town.past.sequences(), fingerprint(town)
    done = town.run("archive", reason="They closed the plant.")
    assert done.status == "succeeded", done.error
    assert (town.tenant.status, schema in town.names(), heads(town)) == ("archived", False, [])
    assert tenancy.find_by_host(f"{slug}.localhost") == town.tenant, "its domains stay"
    (archive,) = town.archives()
    assert archive.counts == {table: sum(rows.values()) for table, rows in truth.items()}
    assert (archive.kind, archive.expires_at, archive.verified_at is None) == ("archived", None, False)
    assert town.sweep() == {"settled": 0, "forgotten": 0}
    path = Path(place_of(town.settings).where(archive.path))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert "has changed since it was written" in town.run("restore").error
    path.write_bytes(whole)
    town.lose(town.kill("restore", restoring, "_open"))
    assert schema in town.names(), "loaded, and nobody can enter"
    assert town.sweep()["settled"] == 1
    assert schema not in town.names()
    done = town.run("restore")
    assert done.status == "succeeded", done.error
    assert done.result is not None
    assert done.result["same_definitions"] is True
    assert (town.tenant.status, heads(town)) == ("active", [schema])
    assert town.past.truth() == truth
    assert town.past.sequences() == sequences
    assert fingerprint(town) == before
    again = town.run("restore", archive=archive.id)
    assert "was restored from it already" in again.error


def test_an_archive_killed_in_the_middle_is_undone_by_the_sweep(town: Town) -> None:
    before = town.names()
    for where, at in ((dumping, "_compare"), (archiving, "_drop")):
        run = town.kill("archive", where, at, reason="Killed.")
        assert town.tenant.status == "suspended"
        assert town.sweep()["settled"] == 0, "its run may be taken up again"
        town.lose(run)
        assert town.sweep()["settled"] == 1
        assert (town.tenant.status, town.names(), town.archives()) == ("active", before, [])
        assert town.past.sql("SELECT pg_has_role('steward_app', %s, 'MEMBER')", town.tenant.role) == [(True,)]
    assert list(place_of(town.settings).objects("tenants")) == []


def test_a_deleted_tenant_comes_back_with_people_and_files_while_its_dump_is_kept(town: Town) -> None:
    slug, truth = town.tenant.slug, town.past.truth()
    users.create_operator("clerk@example.com", "Clerk", PASSWORD, [("staff", slug)])
    db.session.commit()
    attachment = town.attach()
    truth = town.past.truth()
    run = town.kill("delete", archiving, "finish", reason="They left.")
    assert slug not in {one.slug for one in tenancy.list_tenants()}
    assert town.take_up(run).status == "succeeded"
    (archive,) = town.archives()
    assert (archive.kind, archive.slug) == ("deleted", slug)
    assert not users.operator_can("clerk@example.com", "records.rfq.view", slug)
    assert archive.expires_at is not None
    assert timedelta(days=89) < archive.expires_at - datetime.now(UTC) < timedelta(days=91)
    assert town.run("restore", slug=slug, archive=archive.id).status == "succeeded"
    assert town.past.truth() == truth
    assert users.operator_can("clerk@example.com", "records.rfq.view", slug)
    with control_transaction() as session:
        session.execute(update(TenantArchive).values(expires_at=datetime.now(UTC) - timedelta(days=1)))
    assert town.sweep()["forgotten"] == 1
    assert town.read(town.tenant, attachment) == CONTENT, "its files stay when its old dump goes"
    with control_transaction() as session:
        session.execute(Grant.__table__.delete().where(Grant.tenant_slug == slug))  # type: ignore[attr-defined]
        session.execute(text("DELETE FROM operator WHERE email = 'clerk@example.com'"))


def test_without_days_to_keep_a_deletion_keeps_neither_dump_nor_files_nor_name(town: Town) -> None:
    town.run("clone", name="Brief", new_slug="brief", with_data=False)
    town.attach(tenancy.get_tenant("brief"))
    done = town.run("archive", slug="brief", reason="Short.")
    assert done.status == "succeeded", done.error
    assert files_of("tenant_brief")
    settings.save(keeping.KEEP_DAYS, settings.Change("0", version=0), actor="tester@example.com")
    db.session.commit()
    done = town.run("delete", slug="brief", reason="Shorter.")
    assert done.status == "succeeded", done.error
    assert "tenant_brief" not in town.names()
    assert list(place_of(town.settings).objects("tenants")) == []
    assert files_of("tenant_brief") == []
    assert done.result is not None
    assert "is gone" in town.run("restore", slug="brief", archive=done.result["archive"]).error


def test_one_that_was_archived_before_a_migration_comes_back_migrated(town: Town) -> None:
    town.run("clone", name="Elder", new_slug="elder", with_data=False)
    elder = tenancy.get_tenant("elder")
    (head,) = migrations.heads(History.TENANT)
    with migrations.locked_connection("owner") as connection:
        migrations.downgrade(connection, History.TENANT, elder.schema)
        migrations.upgrade(connection, History.TENANT, elder.schema, "0006")
    assert town.run("archive", slug="elder", reason="Before.").status == "succeeded"
    rename = {"name": "Elder", "slug": "eldest", "owner_email": "", "colour": "#0f766e"}
    done = town.run("rename", slug="elder", tenant_id=elder.id, names=rename)
    assert done.status == "succeeded", done.error
    done = town.run("restore", slug="eldest")
    assert done.status == "succeeded", done.error
    with db.engines["owner"].begin() as connection:
        assert migrations.current(connection, History.TENANT, elder.schema) == head
        found = definition.fingerprint(connection, elder.schema, role=elder.role)
    assert found == fingerprint(town)


def test_what_is_written_after_the_dump_keeps_the_schema(town: Town) -> None:
    ((changes,),) = town.past.sql("SELECT count(*) FROM row_history")
    for counted, refused in ((changes, False), (changes - 1, True)):
        with db.engines["owner"].connect() as connection:
            with pytest.raises(ConflictError, match="was changed after") if refused else nullcontext():
                archiving.refuse_changed(connection, town.tenant, {"row_history": counted})
            connection.rollback()


def test_a_store_that_cannot_be_written_leaves_the_tenant_untouched(town: Town, tmp_path: Path) -> None:
    (tmp_path / "copies").write_text("a file where a folder should be")
    before = town.names()
    done = town.run("archive", reason="No room.")
    assert done.status == "failed"
    assert "could not be dumped, so it stays as it was" in done.error
    assert (town.tenant.status, town.names(), town.archives()) == ("active", before, [])


def test_a_rewind_beside_it_or_a_view_on_it_is_named_before_anything_happens(town: Town) -> None:
    schema = town.tenant.schema
    town.past.sql(f"CREATE VIEW public.report AS SELECT name FROM {schema}.unit")
    town.past.sql(f"CREATE SCHEMA {schema}__then_7")
    done = town.run("delete", reason="Not yet.")
    town.past.sql("DROP VIEW public.report")
    town.past.sql(f"DROP SCHEMA {schema}__then_7")
    assert f"still needed by: schema {schema}__then_7, view public.report" in done.error
    assert town.tenant.status == "active"
