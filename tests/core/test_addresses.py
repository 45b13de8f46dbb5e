"""One form of address serves libpq and SQLAlchemy, with one host or with all of a cluster."""

import pytest
from psycopg2.extensions import parse_dsn
from sqlalchemy import make_url

from dashboard.core.addresses import for_libpq, for_sqlalchemy, nodes_of
from dashboard.tenants.rewinding.tools import libpq_environment

BOTH = "postgresql://u:p%40w@/erp?host=a,b&port=1,2&target_session_attrs=primary"
AS_LIBPQ_WRITES = "postgresql://u:p%40w@a:1,b:2/erp?target_session_attrs=primary"


@pytest.mark.parametrize("url", [BOTH, AS_LIBPQ_WRITES], ids=["parameters", "hosts"])
def test_several_hosts_reach_both_libraries(url: str) -> None:
    kept = for_sqlalchemy(url)
    assert kept == BOTH.replace("postgresql://", "postgresql+psycopg2://")
    _, given = make_url(kept).get_dialect()().create_connect_args(make_url(kept))
    wanted = {"host": "a,b", "port": "1,2", "user": "u", "password": "p@w", "dbname": "erp"}
    wanted["target_session_attrs"] = "primary"
    assert given == wanted
    assert parse_dsn(for_libpq(kept)) == wanted
    assert nodes_of(kept) == ("a:1", "b:2")


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("postgres://u@h/d", "postgresql+psycopg2://u@h/d"),
        ("postgresql://u:a,b@h:5/d", "postgresql+psycopg2://u:a,b@h:5/d"),
        ("postgresql://a,b/d", "postgresql+psycopg2:///d?host=a,b&port=5432,5432"),
        ("redis://h", "redis://h"),
    ],
    ids=["one", "comma in the password", "no login", "no database"],
)
def test_other_addresses_keep_their_form(url: str, wanted: str) -> None:
    assert for_sqlalchemy(url) == wanted


def test_one_host_has_its_usual_port() -> None:
    assert nodes_of("postgresql://u@h/d") == ("h:5432",)


def test_programs_get_every_host_too() -> None:
    given = libpq_environment(for_sqlalchemy(BOTH), "test")
    assert (given["PGHOST"], given["PGPORT"], given["PGTARGETSESSIONATTRS"]) == ("a,b", "1,2", "primary")
