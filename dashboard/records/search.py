"""Owns the search of a list: words in the indexed text columns, by trigram."""

import sqlalchemy as sa

from dashboard.records.filters import like
from dashboard.records.spec import Spec

TRIGRAM = 3
MAX_LENGTH = 200


def condition(spec: Spec, text: str) -> sa.ColumnElement[bool] | None:
    """Rows where a search column contains the text; None where there is nothing to search.

    Fewer than three letters have no trigram inside a word, so they match the beginning of one column's text.
    """
    if not text or not spec.search_keys:
        return None
    pattern = f"%{like(text)}%" if len(text) >= TRIGRAM else f"{like(text)}%"
    return sa.or_(*(spec.columns[key].column.ilike(pattern) for key in spec.search_keys))
