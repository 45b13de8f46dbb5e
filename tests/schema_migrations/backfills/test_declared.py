"""Files of data changes: those in the repository are sound, a wrong one says what to write."""

from pathlib import Path

import pytest

from dashboard.core.errors import NotFoundError
from dashboard.schema_migrations.backfills import declared, service
from dashboard.schema_migrations.backfills.declared import DeclarationError, read_file, read_folder

HEADER = "-- title: Fill\n-- table: item\n-- needs: 0002\n"
UPDATE = "UPDATE item SET a = 1 WHERE id > :after AND id <= :upto"


def test_the_declared_changes_can_be_used() -> None:
    changes = declared.list_changes()
    assert [change.name for change in changes] == sorted(path.stem for path in declared.DATA.glob("*.sql"))
    assert all(service.reached_by(change) for change in changes)


def test_a_file_tells_everything(tmp_path: Path) -> None:
    path = tmp_path / "fill.sql"
    path.write_text(f"{HEADER}-- batch: 70\n-- only: a IS NULL\n-- why it is needed\n{UPDATE}::int;\n")
    (change,) = read_folder(tmp_path)
    assert (change.name, change.title, change.table, change.key) == ("fill", "Fill", "item", "id")
    assert (change.needs, change.batch, change.only) == ("0002", 70, "a IS NULL")
    assert change.statement.endswith("id > %(after)s AND id <= %(upto)s::int")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (UPDATE, "lacks title, table, needs"),
        (f"{HEADER}-- batch: many\n{UPDATE}", "a batch of 'many'"),
        (f"{HEADER}-- key: the id\n{UPDATE}", "the key 'the id'"),
        (f"{HEADER}UPDATE item SET a = 1", "not bounded by its key"),
        (f"{HEADER}{UPDATE}; DELETE FROM item", "more than one statement"),
        (f"{HEADER}SELECT 1 WHERE :after < :upto", "no INSERT, UPDATE or DELETE"),
        (HEADER + UPDATE.replace("item", "tenant_acme.item"), "names a tenant's schema"),
    ],
    ids=["header", "batch", "key", "bounds", "two", "select", "schema"],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "fill.sql"
    path.write_text(text)
    with pytest.raises(DeclarationError, match=problem) as error:
        read_file(path)
    assert error.value.fix


def test_an_unknown_name_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="no data change 'nothing'"):
        declared.get_change("nothing")


def test_a_revision_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fill.sql"
    path.write_text(f"{HEADER.replace('0002', '9999')}{UPDATE}")
    with pytest.raises(DeclarationError, match="'9999', which is no revision"):
        service.reached_by(read_file(path))
