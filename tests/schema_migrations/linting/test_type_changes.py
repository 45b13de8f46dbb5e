"""Which changes of type PostgreSQL makes in its catalog only; asked of PostgreSQL by the table's file."""

from contextlib import closing

import psycopg2
import pytest

from dashboard.schema_migrations.linting.type_changes import keeps_rows
from tests.conftest import Servers

CHANGES = [
    ("character varying(20)", "varchar(40)"),
    ("character varying(20)", "varchar(10)"),
    ("character varying(20)", "text"),
    ("character varying", "varchar(10)"),
    ("text", "varchar"),
    ("text", "varchar(5)"),
    ("numeric(10,2)", "numeric(12, 2)"),
    ("numeric(10,2)", "numeric(12, 4)"),
    ("numeric(10,2)", "numeric"),
    ("numeric", "numeric(10, 2)"),
    ("integer", "bigint"),
    ("integer", "int"),
    ("timestamp without time zone", "timestamptz"),
    ("character(5)", "text"),
]


@pytest.mark.parametrize(("before", "after"), CHANGES, ids=lambda name: name.replace(" ", "_"))
def test_a_table_keeps_its_file_exactly_when_we_say_so(servers: Servers, before: str, after: str) -> None:
    with closing(psycopg2.connect(servers.postgres.url("postgres"))) as link, link.cursor() as at:
        at.execute("SET timezone TO 'Europe/Vienna'")  # in UTC alone a timestamp keeps its bytes
        at.execute(f"CREATE TEMP TABLE changed (a {before}); SELECT pg_relation_filenode('changed')")
        old = at.fetchall()
        at.execute(f"ALTER TABLE changed ALTER a TYPE {after}; SELECT pg_relation_filenode('changed')")
        assert (at.fetchall() == old) == keeps_rows(before, after)


def test_an_unknown_type_counts_as_rewritten() -> None:
    assert not keeps_rows("", "text")
