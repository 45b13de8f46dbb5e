"""DDL out of a dump: whatever the role of sealed prices owns is made by it, or handed to it, at the end."""

import re

from dashboard.tenants.creating import rendering

HEADING = "--\n-- Name: {}; Type: FUNCTION; Schema: one; Owner: -\n--\n\n"
PRICE = """CREATE FUNCTION one.price(of_line bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    AS $_$
BEGIN
    RAISE '$$ % CREATE;', of_line;
END $_$;
"""
ATOMIC = """CREATE FUNCTION one.atomic() RETURNS integer
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT
         CASE
             WHEN true THEN 1
             ELSE 0
         END AS "case";
END;
"""
C = """CREATE FUNCTION one.c() RETURNS integer
    LANGUAGE internal
    AS 'of the server';
"""
PLAIN = """CREATE FUNCTION one.price(of_line text) RETURNS integer
    LANGUAGE sql
    AS $$ SELECT 1 $$;
"""
RIGHTS = """REVOKE ALL ON FUNCTION one.price(of_line bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION one.price(of_line bigint) TO one;
GRANT ALL ON FUNCTION one.price(of_line text) TO one;
"""
DUMP = "\n\n".join(HEADING.format("f") + function for function in (PRICE, ATOMIC, C, PLAIN)) + "\n\n" + RIGHTS


TRIGGERS = """CREATE TRIGGER a BEFORE INSERT ON one.t EXECUTE FUNCTION one.keep('one.keep()', '1');
CREATE CONSTRAINT TRIGGER b AFTER INSERT ON one.t EXECUTE FUNCTION one.keep();
CREATE TRIGGER c BEFORE INSERT ON one.t EXECUTE FUNCTION public.keep();
"""


def render(*sealed: tuple[str, str]) -> str:
    return rendering.render(DUMP, name="one", owner="me", revision="7", sealed=sealed)


def test_the_sealer_makes_its_functions_with_their_rights_as_itself() -> None:
    before, after = render(("function", "price(of_line bigint)")).split(f"SET LOCAL ROLE {rendering.SEALER};")
    made, back = after.split("SET LOCAL ROLE NONE;")
    schema, role = rendering.SCHEMA, rendering.ROLE
    function = PRICE.replace("one.", f"{schema}.")
    rights = (
        f"REVOKE ALL ON FUNCTION {schema}.price(of_line bigint) FROM PUBLIC;\n"
        f"GRANT ALL ON FUNCTION {schema}.price(of_line bigint) TO {role};\n"
    )
    assert made == f"\n{function}{rights}"
    assert "price(of_line bigint)" not in before
    assert f"GRANT ALL ON FUNCTION {schema}.price(of_line text) TO {role};" in before
    assert before.count("CREATE FUNCTION") == 3
    assert back.strip().splitlines() == [
        f"REVOKE CREATE ON SCHEMA {schema} FROM {rendering.SEALER};",
        f"REVOKE {rendering.SEALER} FROM CURRENT_USER;",
    ]


def test_a_body_in_sql_ends_where_it_ends() -> None:
    before, after = render(("function", "atomic()")).split(f"SET LOCAL ROLE {rendering.SEALER};")
    assert after.partition("SET LOCAL ROLE NONE;")[0].strip() + "\n" == ATOMIC.replace(
        "one.", f"{rendering.SCHEMA}."
    )
    assert before.count("CREATE FUNCTION") == 3
    assert "ALTER" not in before


def test_tables_and_functions_of_another_form_are_handed_over() -> None:
    ddl = render(("table", "odd Name"), ("function", "c()"))
    assert f'ALTER TABLE {rendering.SCHEMA}."odd Name" OWNER TO {rendering.SEALER};' in ddl
    assert f"ALTER FUNCTION {rendering.SCHEMA}.c() OWNER TO {rendering.SEALER};" in ddl
    assert ddl.index("CREATE FUNCTION @schema@.c") < ddl.index("ALTER FUNCTION")


def test_functions_of_triggers_have_names_of_their_own_until_all_triggers_are_made() -> None:
    functions = (
        "CREATE FUNCTION one.keep() RETURNS trigger\n;\nCREATE FUNCTION one.keep(a text) RETURNS text\n;\n"
    )
    dump = f"{functions}{TRIGGERS}GRANT ALL ON FUNCTION one.keep() TO one;\n"
    ddl = rendering.render(dump, name="one", owner="me", revision="7", sealed=[])
    lines = rendering.fill(ddl, schema='"tenant_a"', role='"role_a"', login="app").splitlines()
    made = next(line for line in lines if line.startswith("CREATE FUNCTION"))
    name = made.removeprefix('CREATE FUNCTION "tenant_a".').partition("()")[0]
    assert re.fullmatch("keep_[0-9a-f]{12}", name)
    begin, schema, table = lines.index(made), '"tenant_a"', '"tenant_a".t'
    arguments = f"'{schema}.keep()', '1'"
    assert lines[begin + 2 : begin + 9] == [
        'CREATE FUNCTION "tenant_a".keep(a text) RETURNS text',
        ";",
        f"CREATE TRIGGER a BEFORE INSERT ON {table} EXECUTE FUNCTION {schema}.{name}({arguments});",
        f"CREATE CONSTRAINT TRIGGER b AFTER INSERT ON {table} EXECUTE FUNCTION {schema}.{name}();",
        f"CREATE TRIGGER c BEFORE INSERT ON {table} EXECUTE FUNCTION public.keep();",
        f'ALTER FUNCTION "tenant_a".{name}() RENAME TO keep;',
        'GRANT ALL ON FUNCTION "tenant_a".keep() TO "role_a";',
    ]
    assert name not in rendering.fill(ddl, schema='"tenant_b"', role='"role_b"', login="app")


def test_without_anything_sealed_nobody_becomes_the_sealer() -> None:
    assert rendering.SEALER not in render()
