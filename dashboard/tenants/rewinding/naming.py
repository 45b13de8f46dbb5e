"""Names of the schemas that stand beside a tenant's own: the old state, and the live one put aside."""

import re

MAX_NAME = 63  # bytes, PostgreSQL's NAMEDATALEN - 1
OURS = re.compile(r"__(then|aside)_[0-9]+$")


def beside_name(schema: str, rewind_id: int) -> str:
    """Return the schema that holds the tenant as it was then."""
    return _with(schema, f"__then_{rewind_id}")


def aside_name(schema: str, rewind_id: int) -> str:
    """Return the schema the live one becomes while the old state is in its place."""
    return _with(schema, f"__aside_{rewind_id}")


def _with(schema: str, ending: str) -> str:
    """Shorten the stem where both would be too long; the number keeps the name its own."""
    return schema[: MAX_NAME - len(ending)] + ending
