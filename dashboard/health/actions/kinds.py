"""Owns the list of actions: what each does, what it costs, and what has to be typed before it. Pure."""

from dataclasses import dataclass

from dashboard.core.errors import ConflictError, NotFoundError

SESSION, TABLE, INDEX = "session", "table", "index"


@dataclass(frozen=True)
class Kind:
    """One action. `about` says what its target is; `is_typed` asks for the target's name to be typed."""

    key: str
    title: str
    button: str
    about: str
    icon: str
    sentences: tuple[str, ...]
    is_typed: bool = False

    @property
    def is_signal(self) -> bool:
        """Whether it is done to a session, at once; else it is maintenance, which may wait for a window."""
        return self.about == SESSION


KINDS: dict[str, Kind] = {
    kind.key: kind
    for kind in (
        Kind(
            "cancel",
            "Cancel the query of session {target}",
            "Cancel the query",
            SESSION,
            "player-stop",
            (
                "The statement that runs now fails with “canceling statement due to user request”.",
                "The session stays; its transaction can only be rolled back.",
                "A session that has no statement running is left as it is.",
            ),
        ),
        Kind(
            "terminate",
            "End session {target}",
            "End the session",
            SESSION,
            "plug-x",
            (
                "The connection is closed and its transaction rolled back: what was not committed is lost.",
                "The application opens a new connection by itself; whoever's request it was sees an error.",
            ),
            is_typed=True,
        ),
        Kind(
            "analyze",
            "Analyze {target}",
            "Analyze",
            TABLE,
            "chart-dots",
            (
                "The planner's statistics are read anew from a sample of the rows: it takes seconds.",
                "Reading and writing go on. Plans of queries over the table may change.",
            ),
        ),
        Kind(
            "vacuum",
            "Vacuum {target}",
            "Vacuum",
            TABLE,
            "recycle",
            (
                "The room of deleted rows becomes usable again inside the table; old rows are frozen.",
                "Reading and writing go on; it reads much, so other queries may be slower meanwhile.",
                "It is a plain VACUUM. VACUUM FULL is not offered: it locks everybody out to its end.",
            ),
        ),
        Kind(
            "reindex",
            "Rebuild {target}",
            "Rebuild",
            INDEX,
            "refresh",
            (
                "The index is built anew beside the old one and takes its place (REINDEX CONCURRENTLY).",
                "Reading and writing go on. It waits for transactions that are older than itself.",
                "It needs room for a second copy. What a broken attempt leaves (…_ccnew) is removed.",
            ),
        ),
        Kind(
            "drop_index",
            "Drop index {target}",
            "Drop the index",
            INDEX,
            "trash",
            (
                "It is dropped CONCURRENTLY; its CREATE INDEX is kept, so that a click brings it back.",
                "Unique, primary and exclusion indexes and replica identities are refused.",
                "It is refused, too, if the primary or a standby has used it, or a standby cannot be asked.",
                "The migrations still make it: drift is reported until a migration drops it, too.",
            ),
            is_typed=True,
        ),
        Kind(
            "create_index",
            "Bring back index {target}",
            "Bring it back",
            INDEX,
            "arrow-back-up",
            (
                "The kept definition is built again with CREATE INDEX CONCURRENTLY: nobody is locked out.",
                "It may take long if the table is large, and waits for transactions older than itself.",
            ),
        ),
    )
}
ASKED = tuple(kind for kind in KINDS if kind != "create_index")
NO_FULL = (
    "VACUUM FULL is not offered: it copies the table under an exclusive lock, so nobody can read or write it "
    "until it is done, it needs as much room again, and all of it is written to WAL and to the standbys."
)
NO_FULL_FIX = (
    "Vacuum makes the room usable again without locks, and rebuilding the indexes gives most of theirs back. "
    "If the table itself must shrink, use pg_repack or a copy in a migration, with the ERP's users told."
)


def get_kind(key: str) -> Kind:
    """Return an action. Raises NotFoundError, ConflictError for the one that is never done."""
    if key == "vacuum_full":
        raise ConflictError(NO_FULL, fix=NO_FULL_FIX)
    if key not in KINDS:
        raise NotFoundError("There is no such action.")
    return KINDS[key]
