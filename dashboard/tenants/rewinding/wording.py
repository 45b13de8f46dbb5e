"""What pages say about a rewind: the sides compared, what an action does, what was chosen."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from dashboard.core.errors import InvalidInputError
from dashboard.tenants.rewinding.comparing import JOURNALS, Difference
from dashboard.tenants.rewinding.models import Rewind, RewindStatus

QUESTIONS = {
    "swap": "Put the old state into the place of the live one?",
    "undo": "Swap back?",
    "discard": "Discard the other state?",
    "bring_back": "Bring the chosen rows back?",
}
BUTTONS = {"swap": "Swap", "undo": "Swap back", "discard": "Discard", "bring_back": "Bring back"}
KNOWN = {field.name for field in fields(Difference)}


def told(stored: Mapping[str, Any]) -> Difference:
    """A difference as a row of a rewind keeps it."""
    return Difference(**{name: value for name, value in stored.items() if name in KNOWN})


def sides(rewind: Rewind) -> dict[str, str]:
    """What the two sides of a comparison are called."""
    if rewind.status == RewindStatus.SWAPPED:
        return {
            "then": "Put aside",
            "live": "Live now (the old state)",
            "added": "Only live",
            "gone": "Only aside",
        }
    return {"then": "Then", "live": "Live now", "added": "Added since", "gone": "Gone since"}


def consequences(rewind: Rewind, action: str) -> list[str]:
    """What an action does, sentence by sentence."""
    live, aside = rewind.live_schema, rewind.aside_schema
    if action == "swap":
        changed = sum(told(each).count for each in rewind.differences if each.get("table") not in JOURNALS)
        return [
            f"Everything of {rewind.tenant} is as it was then; {changed:,} rows differed when last compared.",
            "What was entered since then is no longer seen. It is kept beside, whole, until you discard it.",
            "For a moment, well under 100 ms as a rule, this tenant's transactions wait; no others do.",
            "Sealed bids stay sealed: openings still to come hold.",
            "Uploaded files are not rewound: a file removed since has to come from the copies of files.",
            "It can be swapped back until the tenant is migrated or the other state is discarded.",
        ]
    if action == "undo":
        return [
            f"{aside} is live again, as it was at the swap.",
            "What was written since the swap stands beside again and is not seen.",
            "It takes as little as the swap did.",
        ]
    return [
        f"The schema {rewind.other_schema} is dropped with everything in it.",
        f"The live schema {live} stays as it is.",
        "There is no way back but another rewind.",
    ]


def of_choice(rewind: Rewind, choice: dict[str, dict[str, list[int] | None]]) -> list[str]:
    """What bringing back does, table by table."""
    by_table = {each.table: each for each in map(told, rewind.differences)}
    words = {
        "gone": "{n} of {table} that are gone are inserted again",
        "changed": "{n} of {table} that changed get their old values",
        "added": "{n} of {table} that were added since are removed",
    }
    sentences = []
    for table, kinds in choice.items():
        for kind, ids in kinds.items():
            known = getattr(by_table.get(table), kind, 0)
            count = f"{len(ids):,} rows" if ids is not None else f"All {known:,} rows"
            sentences.append(words[kind].format(n=count, table=table.replace("_", " ")) + ".")
    return [
        *sentences,
        "What they refer to comes back with them where it is gone as well.",
        "It is an ordinary change of the tenant: recorded in its history, and undone from its Changes page.",
        "Rows the database refuses are left and named in the job's log.",
    ]


def read_choice(form: Mapping[str, Any]) -> dict[str, dict[str, list[int] | None]]:
    """Read what was ticked: `table` values `name`, `row` values `name kind id`, or `choice` as confirmed.

    Raises InvalidInputError for anything else.
    """
    try:
        if form.get("choice"):
            given = json.loads(form["choice"])
            return {
                str(table): {
                    str(kind): ids if ids is None else [int(i) for i in ids] for kind, ids in kinds.items()
                }
                for table, kinds in given.items()
            }
        choice: dict[str, dict[str, list[int] | None]] = {}
        for name in form.getlist("table"):  # type: ignore[attr-defined]
            choice[name] = {"gone": None, "changed": None}
            if form.get("also_added"):
                choice[name]["added"] = None
        for value in form.getlist("row"):  # type: ignore[attr-defined]
            name, kind, number = value.split(" ")
            choice.setdefault(name, {}).setdefault(kind, [])
            ids = choice[name][kind]
            if ids is not None:
                ids.append(int(number))
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise InvalidInputError("The choice cannot be read.", fix="Choose again on the page.") from error
    return choice
