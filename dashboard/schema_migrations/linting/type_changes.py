"""Which changes of a column's type leave the table as it is; every other writes it anew."""

import re

SIZED = re.compile(r"^(?P<name>[a-z ]+?)\s*(?:\((?P<sizes>[\d, ]+)\))?(?P<tail>[a-z ]*)$")
ALIASES = {
    "varchar": "character varying",
    "decimal": "numeric",
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "timestamptz": "timestamp with time zone",
    "bool": "boolean",
}


def _read(type_name: str) -> tuple[str, tuple[int, ...]]:
    found = SIZED.match(" ".join(type_name.lower().split()))
    if not found:
        return type_name.lower(), ()
    name = (found["name"] + found["tail"]).strip()
    sizes = tuple(int(size) for size in (found["sizes"] or "").split(",") if size.strip())
    return ALIASES.get(name, name), sizes


def keeps_rows(before: str, after: str) -> bool:
    """Whether PostgreSQL changes the catalog only. Unknown types count as rewritten."""
    if not before:
        return False
    (old, old_sizes), (new, new_sizes) = _read(before), _read(after)
    if (old, old_sizes) == (new, new_sizes):
        return True
    if old == "character varying" and new in {"text", "character varying"}:
        return not new_sizes or (bool(old_sizes) and new_sizes[0] >= old_sizes[0])
    if old == "text":
        return new == "character varying" and not new_sizes
    if old == new == "numeric":
        return not new_sizes or _is_wider(old_sizes, new_sizes)
    return False


def _is_wider(old: tuple[int, ...], new: tuple[int, ...]) -> bool:
    """The same digits after the point and at least as many before it."""
    scale = [(*sizes, 0)[1] for sizes in (old, new) if sizes]
    return bool(old) and scale[0] == scale[1] and new[0] >= old[0]
