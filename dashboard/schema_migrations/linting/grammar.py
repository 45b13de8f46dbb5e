"""What each statement locks and what it costs, as tables; tests/…/linting compares them with pg_locks."""

from dataclasses import dataclass
from enum import StrEnum

from dashboard.schema_migrations.linting.locks import Lock


class Work(StrEnum):
    """What PostgreSQL has to do besides writing its catalog."""

    NONE = "catalog only"
    SCAN = "reads the whole table"
    REWRITE = "writes the whole table and its indexes anew"
    INDEX = "builds an index"
    ROWS = "changes rows"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Shape:
    """A pattern, what it is called, and the lock on `<table>` or each of `<list>` (None: no table's lock)."""

    pattern: str
    kind: str
    lock: Lock | None = None
    work: Work = Work.NONE


_ALL = Lock.ACCESS_EXCLUSIVE
_SRE = Lock.SHARE_ROW_EXCLUSIVE
_SUE = Lock.SHARE_UPDATE_EXCLUSIVE
_ROW = Lock.ROW_EXCLUSIVE

# How the schemas begin that the runner goes through.
TENANT_SCHEMAS = ("tenant_", "spare_", "template_")

# The first that fits counts.
STATEMENTS = (
    Shape("CREATE UNLOGGED? TABLE IF~NOT~EXISTS? <table>", "create table", _ALL),
    Shape(
        "CREATE UNIQUE? INDEX CONCURRENTLY IF~NOT~EXISTS? <name>? ON ONLY? <table>",
        "create index concurrently",
        _SUE,
        Work.INDEX,
    ),
    Shape(
        "CREATE UNIQUE? INDEX IF~NOT~EXISTS? <name>? ON ONLY? <table>", "create index", Lock.SHARE, Work.INDEX
    ),
    Shape("CREATE OR~REPLACE? CONSTRAINT? TRIGGER <name> ... ON <table>", "create trigger", _SRE),
    Shape("CREATE POLICY <name> ON <table>", "create policy", _ALL),
    Shape("CREATE OR~REPLACE? RULE <name> ... TO <table>", "create rule", _ALL),
    Shape("CREATE STATISTICS IF~NOT~EXISTS? <name>? ... FROM <table>", "create statistics", _SUE),
    Shape("CREATE OR~REPLACE? VIEW <table>", "create view", _ALL),
    Shape("CREATE MATERIALIZED VIEW IF~NOT~EXISTS? <table>", "create materialized view", _ALL, Work.UNKNOWN),
    Shape("CREATE SEQUENCE IF~NOT~EXISTS? <table>", "create sequence", _ALL),
    Shape("DROP TABLE IF~EXISTS? <list>", "drop table", _ALL),
    Shape("DROP VIEW IF~EXISTS? <list>", "drop view", _ALL),
    Shape("DROP MATERIALIZED VIEW IF~EXISTS? <list>", "drop view", _ALL),
    Shape("DROP SEQUENCE IF~EXISTS? <list>", "drop sequence", _ALL),
    Shape("DROP INDEX CONCURRENTLY IF~EXISTS? <indexes>", "drop index concurrently", _SUE),
    Shape("DROP INDEX IF~EXISTS? <indexes>", "drop index", _ALL),
    Shape("DROP TRIGGER IF~EXISTS? <name> ON <table>", "drop trigger", _ALL),
    Shape("DROP POLICY IF~EXISTS? <name> ON <table>", "drop policy", _ALL),
    Shape("DROP RULE IF~EXISTS? <name> ON <table>", "drop rule", _ALL),
    Shape("ALTER TABLE IF~EXISTS? ONLY? <table>", "alter table", _ALL),
    Shape("ALTER INDEX IF~EXISTS? <table> RENAME", "rename index", _SUE),
    Shape("ALTER INDEX <table> ATTACH~PARTITION", "attach index", _ALL),
    Shape("ALTER SEQUENCE IF~EXISTS? <table> RENAME", "rename", _ALL),
    Shape("ALTER SEQUENCE IF~EXISTS? <table> OWNER", "alter sequence", _ALL),
    Shape("ALTER SEQUENCE IF~EXISTS? <table>", "alter sequence", _SRE),
    Shape("ALTER VIEW IF~EXISTS? <table> RENAME~TO", "rename", _ALL),
    Shape("ALTER VIEW IF~EXISTS? <table>", "alter view", _ALL),
    Shape("ALTER TRIGGER <name> ON <table>", "alter trigger", _ALL),
    Shape("ALTER POLICY <name> ON <table>", "alter policy", _ALL),
    Shape("COMMENT ON TABLE <table>", "comment", _SUE),
    Shape("COMMENT ON COLUMN <column>", "comment on column", _SUE),
    Shape("COMMENT ON CONSTRAINT <name> ON <table>", "comment"),
    Shape("INSERT INTO <table>", "insert", _ROW, Work.UNKNOWN),
    Shape("UPDATE ONLY? <table>", "update", _ROW, Work.ROWS),
    Shape("DELETE FROM ONLY? <table>", "delete", _ROW, Work.ROWS),
    Shape("MERGE INTO ONLY? <table>", "update", _ROW, Work.ROWS),
    Shape("COPY <table>", "insert", _ROW, Work.UNKNOWN),
    Shape("TRUNCATE TABLE? ONLY? <list>", "truncate", _ALL),
    Shape("LOCK TABLE? ONLY? <list>", "lock table", _ALL),
    Shape("VACUUM FULL FREEZE? VERBOSE? ANALYZE? <list>?", "vacuum full", _ALL, Work.REWRITE),
    Shape("VACUUM FREEZE? VERBOSE? ANALYZE? <list>?", "vacuum", _SUE, Work.SCAN),
    Shape("CLUSTER VERBOSE? <table>?", "cluster", _ALL, Work.REWRITE),
    Shape("ANALYZE VERBOSE? <list>?", "analyze", _SUE),
    Shape("REINDEX TABLE CONCURRENTLY <table>", "reindex concurrently", _SUE, Work.INDEX),
    Shape("REINDEX TABLE <table>", "reindex", Lock.SHARE, Work.INDEX),
    Shape("REINDEX INDEX CONCURRENTLY <indexes>", "reindex concurrently", _SUE, Work.INDEX),
    Shape("REINDEX INDEX <indexes>", "reindex", Lock.SHARE, Work.INDEX),
    Shape("REFRESH MATERIALIZED VIEW CONCURRENTLY <table>", "refresh view", Lock.EXCLUSIVE, Work.UNKNOWN),
    Shape("REFRESH MATERIALIZED VIEW <table>", "refresh view", _ALL, Work.UNKNOWN),
    Shape("GRANT ... ON TABLE? <list> TO", "grant", Lock.ACCESS_SHARE),
    Shape("REVOKE ... ON TABLE? <list> FROM", "grant", Lock.ACCESS_SHARE),
    Shape("SELECT", "select"),
    Shape("WITH", "select"),
    Shape("SET", "set"),
    Shape("RESET", "set"),
    *(
        Shape(words, "transaction")
        for words in (
            *("BEGIN", "START~TRANSACTION", "COMMIT", "END", "ROLLBACK", "ABORT", "PREPARE~TRANSACTION"),
            *("SAVEPOINT", "RELEASE"),
        )
    ),
)

# Those lock no table; what DROP … CASCADE takes along cannot be told from the statement.
WITHOUT_TABLE = (
    *("CREATE OR~REPLACE? FUNCTION", "CREATE OR~REPLACE? PROCEDURE", "CREATE OR~REPLACE? AGGREGATE"),
    *("CREATE TYPE", "CREATE DOMAIN", "CREATE SCHEMA", "CREATE ROLE", "CREATE COLLATION"),
    *("DROP FUNCTION", "DROP PROCEDURE", "DROP AGGREGATE", "DROP TYPE", "DROP DOMAIN", "DROP STATISTICS"),
    *("ALTER FUNCTION", "ALTER PROCEDURE", "ALTER TYPE", "ALTER DEFAULT~PRIVILEGES", "ALTER ROLE"),
    *("GRANT", "REVOKE", "COMMENT ON"),
)

ACTIONS = (
    Shape("ADD CONSTRAINT <name> FOREIGN~KEY", "add foreign key", _SRE, Work.SCAN),
    Shape("ADD FOREIGN~KEY", "add foreign key", _SRE, Work.SCAN),
    Shape("ADD CONSTRAINT <name> CHECK", "add check", _ALL, Work.SCAN),
    Shape("ADD CHECK", "add check", _ALL, Work.SCAN),
    Shape("ADD CONSTRAINT <name> UNIQUE USING~INDEX", "add unique by index", _ALL),
    Shape("ADD CONSTRAINT <name> PRIMARY~KEY USING~INDEX", "add unique by index", _ALL, Work.SCAN),
    Shape("ADD CONSTRAINT <name> UNIQUE", "add unique", _ALL, Work.INDEX),
    Shape("ADD CONSTRAINT <name> PRIMARY~KEY", "add unique", _ALL, Work.INDEX),
    Shape("ADD CONSTRAINT <name> EXCLUDE", "add exclusion", _ALL, Work.INDEX),
    Shape("ADD UNIQUE", "add unique", _ALL, Work.INDEX),
    Shape("ADD PRIMARY~KEY", "add unique", _ALL, Work.INDEX),
    Shape("ADD EXCLUDE", "add exclusion", _ALL, Work.INDEX),
    Shape("ADD CONSTRAINT <name>", "add constraint", _ALL, Work.UNKNOWN),
    Shape("ADD COLUMN? IF~NOT~EXISTS? <column>", "add column", _ALL),
    Shape("DROP CONSTRAINT IF~EXISTS? <name>", "drop constraint", _ALL),
    Shape("DROP COLUMN? IF~EXISTS? <column>", "drop column", _ALL),
    Shape("ALTER CONSTRAINT <name>", "alter constraint", _ALL),
    Shape("ALTER COLUMN? <column> SET~DATA~TYPE", "change type", _ALL, Work.REWRITE),
    Shape("ALTER COLUMN? <column> TYPE", "change type", _ALL, Work.REWRITE),
    Shape("ALTER COLUMN? <column> SET~NOT~NULL", "set not null", _ALL, Work.SCAN),
    Shape("ALTER COLUMN? <column> SET~STATISTICS", "set statistics", _SUE),
    Shape("ALTER COLUMN? <column> SET (", "set option", _SUE),
    Shape("ALTER COLUMN? <column> RESET (", "set option", _SUE),
    Shape("ALTER COLUMN? <column>", "alter column", _ALL),
    Shape("VALIDATE~CONSTRAINT <name>", "validate", _SUE, Work.SCAN),
    Shape("RENAME~TO <name>", "rename", _ALL),
    Shape("RENAME~CONSTRAINT <name>", "rename constraint", _ALL),
    Shape("RENAME COLUMN? <column> TO <name>", "rename", _ALL),
    *(
        Shape(f"{word} TRIGGER", "switch trigger", _SRE)
        for word in ("ENABLE", "DISABLE", "ENABLE~ALWAYS", "ENABLE~REPLICA")
    ),
    Shape("SET~TABLESPACE", "set tablespace", _ALL, Work.REWRITE),
    Shape("SET~LOGGED", "set logged", _ALL, Work.REWRITE),
    Shape("SET~UNLOGGED", "set logged", _ALL, Work.REWRITE),
    Shape("SET~ACCESS~METHOD", "set access method", _ALL, Work.REWRITE),
    Shape("SET~WITHOUT~CLUSTER", "set option", _SUE),
    Shape("CLUSTER~ON", "set option", _SUE),
    Shape("SET (", "set option", _SUE),
    Shape("RESET (", "set option", _SUE),
    Shape("ATTACH~PARTITION <other>", "attach partition", _SUE, Work.UNKNOWN),
    *(
        Shape(words, "alter table", _ALL)
        for words in (
            *("ENABLE ROW~LEVEL~SECURITY", "DISABLE ROW~LEVEL~SECURITY", "FORCE ROW~LEVEL~SECURITY"),
            *("NO~FORCE ROW~LEVEL~SECURITY", "ENABLE RULE", "DISABLE RULE", "OWNER~TO", "SET~SCHEMA"),
            "REPLICA~IDENTITY",
        )
    ),
)

# The project's own functions; the first argument names the table.
FUNCTIONS = {"attach_history": _ALL, "make_append_only": _SRE}
_STABLE = (
    "now transaction_timestamp statement_timestamp lower upper coalesce jsonb_build_object make_interval"
    " to_jsonb current_setting current_schema left right md5 numeric varchar char timestamp date_trunc array"
    " concat"
)
STABLE = frozenset(_STABLE.split())
# Functions of PostgreSQL that lock no table, and words that stand before a bracket.
# What any other function does its name does not say.
_PLAIN = (
    "count min max sum avg random clock_timestamp gen_random_uuid nextval setval set_config string_agg"
    " array_agg row_number format round abs length greatest least nullif pg_get_serial_sequence"
    " generate_series unnest jsonb_object_agg jsonb_agg to_char extract replace substring btrim"
    " jsonb_array_length cast exists in any all values over filter as and or not where on select from with"
    " using set returning then when else by lateral recursive materialized"
)
PLAIN_FUNCTIONS = STABLE | frozenset(_PLAIN.split())
