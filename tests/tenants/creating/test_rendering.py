"""DDL out of a dump: whatever the role of sealed prices owns is made by it, or handed to it, at the end."""

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
 SELECT 1;
END;
"""
PLAIN = """CREATE FUNCTION one.price(of_line text) RETURNS integer
    LANGUAGE sql
    AS $$ SELECT 1 $$;
"""
RIGHTS = """REVOKE ALL ON FUNCTION one.price(of_line bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION one.price(of_line bigint) TO one;
GRANT ALL ON FUNCTION one.price(of_line text) TO one;
"""
DUMP = "\n\n".join(HEADING.format("f") + function for function in (PRICE, ATOMIC, PLAIN)) + "\n\n" + RIGHTS


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
    assert before.count("CREATE FUNCTION") == 2
    assert back.strip().splitlines() == [
        f"REVOKE CREATE ON SCHEMA {schema} FROM {rendering.SEALER};",
        f"REVOKE {rendering.SEALER} FROM CURRENT_USER;",
    ]


def test_tables_and_functions_without_a_quoted_body_are_handed_over() -> None:
    ddl = render(("table", "odd Name"), ("function", "atomic()"))
    assert f'ALTER TABLE {rendering.SCHEMA}."odd Name" OWNER TO {rendering.SEALER};' in ddl
    assert f"ALTER FUNCTION {rendering.SCHEMA}.atomic() OWNER TO {rendering.SEALER};" in ddl
    assert ddl.index("CREATE FUNCTION @schema@.atomic") < ddl.index("ALTER FUNCTION")


def test_without_anything_sealed_nobody_becomes_the_sealer() -> None:
    assert rendering.SEALER not in render()
