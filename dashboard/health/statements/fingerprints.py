"""Owns what makes two texts the same query, whatever the tenant and however long a list. Pure."""

import hashlib
import re
from collections.abc import Collection

LONGEST = 16_000  # characters that are kept of a text
READ = 64_000  # characters that are looked at
_NAME = "tenant_[a-z0-9_]{1,56}"
_QUALIFIED = re.compile(rf'(?<![\w.$"])(?:"({_NAME})"|({_NAME}))\s*\.\s*(?=["\w*])')
_NAMED = re.compile(rf"(?<![\w.$])({_NAME})(?![\w.])")
_PARAMETER = re.compile(r"\$\d+")
_LIST = re.compile(r"\$(?:\s*,\s*(?:/\*, … \*/\s*)?\$)+")
_SQUASHED = re.compile(r"\$\s*/\*, \.\.\. \*/")  # how PostgreSQL 18 writes a list
_ROWS = re.compile(r"(\([^()]*\))(?:\s*,\s*\1)+")
_SAVEPOINT = re.compile(r"\b(savepoint\s+\w*?)\d+\b", re.IGNORECASE)
HIDDEN = "tenant_…"


def without_tenant(text: str, names: Collection[str]) -> str:
    """Return a text as every tenant would send it: without its schema, its name hidden elsewhere."""
    if "tenant_" not in text:
        return text

    def unqualified(found: re.Match[str]) -> str:
        return "" if (found[1] or found[2]) in names else found[0]

    def hidden(found: re.Match[str]) -> str:
        return HIDDEN if found[1] in names else found[0]

    return _NAMED.sub(hidden, _QUALIFIED.sub(unqualified, text))


def fingerprint(text: str, length: int | None = None) -> str:
    """Return the hash of a text that was freed of its tenant; `length` counts where it was cut."""
    same = _PARAMETER.sub("$", " ".join(text.split()))
    same = _ROWS.sub(r"\1", _LIST.sub("$", _SQUASHED.sub("$", same)))
    same = _SAVEPOINT.sub(r"\1", same)
    tail = f"#{length}" if length and length > len(text) else ""
    return hashlib.blake2b((same + tail).encode(), digest_size=8).hexdigest()
