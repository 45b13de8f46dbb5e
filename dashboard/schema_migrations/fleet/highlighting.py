"""Marks SQL up for reading: keywords, texts, comments and names get a class each, nothing else changes."""

import re

from markupsafe import Markup, escape

KEYWORDS = """
    ADD ALTER ALWAYS AND AS BEGIN BIGINT BOOLEAN BY CASCADE CHECK COLUMN COMMIT CONCURRENTLY CONSTRAINT
    CREATE DATE DEFAULT DELETE DO DOUBLE DROP EACH ELSE END EXECUTE EXISTS FALSE FOR FOREIGN FROM
    FUNCTION GENERATED GRANT IDENTITY IF IN INDEX INSERT INTEGER INTO IS JSONB KEY LANGUAGE NOT NULL
    NUMERIC ON ONLY OR PRECISION PRIMARY REFERENCES RENAME REPLACE RESTRICT RETURNS REVOKE ROW
    SELECT SEQUENCE SET TABLE TEXT THEN TIME TIMESTAMP TO TRIGGER TRUE TYPE UNIQUE UPDATE USING UUID
    VALID VALIDATE VALUES VARCHAR VIEW WHEN WHERE WITH ZONE
"""
TOKEN = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?\*/)"
    r"|(?P<string>'(?:[^']|'')*'|\$(\w*)\$.*?\$\3\$)"
    r'|(?P<name>"(?:[^"]|"")*")'
    rf"|(?P<keyword>\b(?:{'|'.join(KEYWORDS.split())})\b)",
    re.IGNORECASE | re.DOTALL,
)


def highlight(statement: str) -> Markup:
    """Return a statement as HTML."""
    parts: list[Markup] = []
    at = 0
    for found in TOKEN.finditer(statement):
        parts.append(escape(statement[at : found.start()]))
        parts.append(Markup('<span class="sql-{}">{}</span>').format(found.lastgroup, found.group()))
        at = found.end()
    return Markup("").join([*parts, escape(statement[at:])])
