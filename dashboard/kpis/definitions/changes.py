"""Owns which days a change of an exchange rate touches: families that convert amounts ask it."""
# SQL is put together from text of this package alone.
# ruff: noqa: S608

_WAS = "coalesce(c.old ->> '{0}', f.{0})"
_PAIRS = f"""
    SELECT from_currency, to_currency, on_date FROM fx_rate WHERE id IN (SELECT record_id FROM changed)
    UNION
    SELECT {_WAS.format("from_currency")}, {_WAS.format("to_currency")},
        coalesce((c.old ->> 'on_date')::date, f.on_date)
    FROM changed AS c LEFT JOIN fx_rate AS f ON f.id = c.record_id WHERE c.old IS NOT NULL
"""

RATE_DAYS = f"""
    SELECT t.on_date AS first, coalesce(
        (SELECT min(n.on_date) FROM fx_rate AS n WHERE n.from_currency = t.from_currency
         AND n.to_currency = t.to_currency AND n.on_date > t.on_date), 'infinity'
    ) AS next
    FROM ({_PAIRS}) AS t
"""
"""SELECT of the days (`first` up to, not including, `next`) on which the changed rates held or hold.

A rate holds until the next one of its pair. Over `changed`, the history of fx_rate.
"""


def on_rate_days(records: str, day: str) -> str:
    """Narrow `records`, a SELECT with a WHERE, to those whose `day` is one of RATE_DAYS."""
    return f"{records} AND EXISTS (SELECT FROM ({RATE_DAYS}) AS d WHERE {day} >= d.first AND {day} < d.next)"
