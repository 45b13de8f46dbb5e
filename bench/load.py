"""Owns the rows: suppliers and quotes made inside the server, the same for us and for stock Flask-Admin."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bench.stage import execute, rows

STOCK = "stock"
REGIONS = (
    "Andes",
    "Baltic",
    "Caucasus",
    "Danube",
    "East Asia",
    "Fens",
    "Gulf",
    "Highlands",
    "Iberia",
    "Jura",
)
RFQS_PER = 100  # quotes on one RFQ
RARE_EVERY = 50_000  # one supplier in so many carries the rare word
RARE_WORD = "Quillworth"
COMMON_WORD = "Precision"  # one supplier in ten carries it

SOURCES = {
    "organization": "INSERT INTO organization (id, name) OVERRIDING SYSTEM VALUE VALUES (1, 'Bench')",
    "product_category": """
        INSERT INTO product_category (id, org_id, code, name, path) OVERRIDING SYSTEM VALUE
        SELECT n, 1, 'C' || n, 'Category ' || n, 'Category ' || n FROM generate_series(1, 50) n""",
    "rfq": """
        INSERT INTO rfq (id, org_id, number, title, category_id, status) OVERRIDING SYSTEM VALUE
        SELECT n, 1, 'RFQ-' || n, 'Request ' || n, 1 + n % 50, 'quoted'
        FROM generate_series(1, greatest(1, {rows} / {per_rfq})) n""",
    "supplier": """
        INSERT INTO supplier (id, org_id, code, name, email, phone, category_id, region, country, status,
                              reliability, score_n, lead_time_days, payment_days) OVERRIDING SYSTEM VALUE
        SELECT n, 1, 'S' || lpad(n::text, 8, '0'),
               (ARRAY['Acorn','Birch','Cobalt','Delta','Ember','Falcon','Granite','Harbour','Iron','Juniper',
                      'Kestrel','Lumen','Marble'])[1 + (n * 7919) % 13]
               || ' ' || n || ' ' ||
               CASE WHEN n % {rare} = 0 THEN '{rare_word}' ELSE
               (ARRAY['{common_word}','Metals','Plastics','Tooling','Castings','Fasteners','Coatings','Electronics',
                      'Packaging','Logistics'])[1 + (n * 104729) % 10] END,
               'sales' || n || '@example.com', '+49 30 ' || n, 1 + n % 50, (ARRAY{regions})[1 + n % 10],
               (ARRAY['DE','FR','PL','CZ','IT','ES','SE','NL'])[1 + n % 8],
               (ARRAY['active','active','active','prospect','inactive'])[1 + n % 5],
               ((n * 7907) % 10001) / 100.0, n % 40, 3 + n % 60, 30
        FROM generate_series(1::bigint, {rows}) n""",
    "quote": """
        INSERT INTO quote (id, org_id, rfq_id, supplier_id, reference, status, total, lead_time_days,
                           valid_until, submitted_at) OVERRIDING SYSTEM VALUE
        SELECT n, 1, 1 + n % greatest(1, {rows} / {per_rfq}), n, 'Q-' || n,
               (ARRAY['submitted','submitted','shortlisted','awarded','rejected'])[1 + n % 5],
               ((n * 6007) % 9000000) / 100.0, 3 + n % 60, date '2026-01-01' + (n % 365)::int,
               timestamptz '2026-01-01 08:00+00' + n * interval '1 second'
        FROM generate_series(1::bigint, {rows}) n""",
}


@dataclass(frozen=True)
class Loaded:
    """What was loaded, for the cases to ask for."""

    rows: int
    schema: str
    rare: int
    common: int
    in_region: int


def load(url: str, schema: str, count: int) -> Loaded:
    """Fill the tenant's tables and stock's copies. `url` is the superuser's: triggers rest meanwhile."""
    execute(url, f"CREATE SCHEMA {STOCK}")
    with ThreadPoolExecutor(2) as pool:  # the two large tables at once; keys between tables are not checked
        list(pool.map(lambda name: _load_table(url, schema, name, count), reversed(SOURCES)))
    execute(url, "CHECKPOINT")
    query = f"""
        SELECT count(*) FILTER (WHERE name LIKE '%{RARE_WORD}%'),
               count(*) FILTER (WHERE name LIKE '%{COMMON_WORD}%'),
               count(*) FILTER (WHERE region = '{REGIONS[0]}') FROM {schema}.supplier"""
    rare, common, in_region = rows(url, query)[0]
    return Loaded(count, schema, rare, common, in_region)


def _load_table(url: str, schema: str, name: str, count: int) -> None:
    """Load without indexes and build them afterwards, which takes a third of the time; then copy for stock.

    The copy has our B-trees, but no trigger, no history and no trigram index.
    """
    mine, theirs = f"{schema}.{name}", f"{STOCK}.{name}"
    every, plain = _free_indexes(url, mine, gin=True), _free_indexes(url, mine, gin=False)
    execute(
        url,
        f"SET search_path TO {schema}, public",
        "SET session_replication_role TO replica",
        *(f"DROP INDEX {schema}.{index}" for index in every),
        _statement(name, count),
        f"SELECT setval(pg_get_serial_sequence('{mine}', 'id'), max(id)) FROM {mine}",
        *every.values(),
        f"CREATE TABLE {theirs} (LIKE {mine} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
        f"INSERT INTO {theirs} SELECT * FROM {mine}",
        f"ALTER TABLE {theirs} ADD PRIMARY KEY (id)",
        *_moved(plain, schema),
        f"VACUUM ANALYZE {mine}, {theirs}",
    )


def _statement(name: str, count: int) -> str:
    return SOURCES[name].format(
        rows=count,
        per_rfq=RFQS_PER,
        rare=min(RARE_EVERY, max(2, count // 20)),
        rare_word=RARE_WORD,
        common_word=COMMON_WORD,
        regions=list(REGIONS),
    )


def give_trigrams(url: str, schema: str) -> None:
    """Give stock our trigram index of suppliers as well: shows what is due to the index alone."""
    table = f"{schema}.supplier"
    every, plain = _free_indexes(url, table, gin=True), _free_indexes(url, table, gin=False)
    gin = {name: every[name] for name in every if name not in plain}
    execute(url, *_moved(gin, schema), f"VACUUM ANALYZE {STOCK}.supplier")


def _moved(indexes: dict[str, str], schema: str) -> list[str]:
    """The same indexes on stock's tables, over all rows: stock's queries do not leave out deleted ones."""
    whole = [definition.removesuffix(" WHERE (deleted_at IS NULL)") for definition in indexes.values()]
    return [definition.replace(f" ON {schema}.", f" ON {STOCK}.") for definition in whole]


def _free_indexes(url: str, table: str, *, gin: bool) -> dict[str, str]:
    """Definitions of a table's indexes that belong to no constraint, by name."""
    query = """
        SELECT relname, pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON oid = indexrelid
        WHERE indrelid = %s::regclass AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)
        ORDER BY relname"""
    found = dict(rows(url, query, (table,)))
    return found if gin else {name: text for name, text in found.items() if " USING gin " not in text}
