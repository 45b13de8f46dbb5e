"""What may arrive in a form: strategies for anything, and the named corpus of what has hurt somewhere."""

from collections.abc import Mapping
from urllib.parse import quote

from hypothesis import strategies as st

from dashboard.records.columns import Kind
from dashboard.records.spec import Spec

NUL = "\x00"
CORPUS: Mapping[str, str] = {
    "NUL": "a\x00b",
    "only NUL": NUL,
    "negative": "-1",
    "two numbers": "1,2",
    "zero": "0",
    "huge number": "9" * 400,
    "beyond bigint": "9223372036854775808",
    "huge exponent": "1e999999999",
    "tiny exponent": "1e-999999999",
    "not a number": "NaN",
    "infinity": "-Infinity",
    "underscored": "1_000",
    "other digits": "\u0661\u0662\u0663",
    "superscript": "\u00b2",
    "formula": '=HYPERLINK("http://evil.example";"x")',
    "formula at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "deep JSON": "[" * 100_000,
    "deep object": '{"a":' * 5_000,
    "JSON surrogate": '{"a": "\\ud800"}',
    "JSON NUL": '{"a": "\\u0000"}',
    "JSON huge number": '{"a": 1e999}',
    "JSON NaN": '{"a": NaN}',
    "JSON twice": '{"a": 1, "a": 2}',
    "long": "x" * 10_001,
    "RTL marks": "\u202e\u2067gnirts\u2069\u200f",
    "zero width": "a\u200bb\ufeff",
    "line separators": "a\u2028b\u2029c\x85d",
    "control": "a\x01\x02\x1b[31mb\x7f",
    "markup": "</textarea></script><script>alert(1)</script>",
    "template": "{{ 7 * 7 }}{% raw %}${7*7}",
    "SQL": "'; DROP TABLE supplier; --",
    "like": "%_\\",
    "combining": "Z\u0351\u036b\u0343\u036a\u0302",
    "family": "\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f3fd",
    "day that is not": "2026-02-30",
    "year that is not": "99999-12-31",
    "first moment": "0001-01-01T00:00:00",
    "last moment": "9999-12-31T23:59:59",
    "time zone": "2026-03-31T14:30:00+99:99",
    "carriage returns": "a\r\nb\rc",
}
RAW: Mapping[str, str] = {
    "lone surrogate": "%ED%A0%80",
    "overlong slash": "%C0%AF",
    "UTF-16": "%FF%FEa%00b%00",
    "Latin-1": "caf%E9",
    "half an escape": "%E2%82",
    "bad escape": "100%",
}
AVOIDED = frozenset({"version", "base", "csrf_token"})

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
anything = st.one_of(
    texts,
    st.sampled_from([value for value in CORPUS.values() if len(value) < 500]),
    st.integers().map(str),
    st.decimals().map(str),
    st.floats().map(repr),
    st.dates().map(str),
    st.datetimes().map(str),
    st.just(""),
)


def open_fields(spec: Spec, form: Mapping[str, str]) -> list[str]:
    """Fields of a form where text can be typed; a tick has no text, and the row's id is no field."""
    known = [key for key in form if key in spec.columns and key not in AVOIDED]
    found = [key for key in known if spec.columns[key].kind is not Kind.BOOLEAN]
    for child in spec.children:
        if child.entity not in spec.frozen_fields(None):
            kinds = {column.key: column.kind for column in child.shown}
            found += [f"{child.entity}-0-{key}" for key, kind in kinds.items() if kind is not Kind.BOOLEAN]
    return found


def normal(text: str) -> str:
    """Text as a form compares it: line ends of one kind, no blanks around."""
    return text.replace("\r\n", "\n").strip()


def encode(form: Mapping[str, str], raw: str, fields: list[str]) -> bytes:
    """A posted form with bytes that are no UTF-8 in some of its fields."""
    pairs = [f"{quote(key)}={raw if key in fields else quote(value)}" for key, value in form.items()]
    return "&".join(pairs).encode()
