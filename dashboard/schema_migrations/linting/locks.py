"""PostgreSQL's table locks by strength, and what each holds up; compared with pg_locks by a test."""

from enum import IntEnum


class Lock(IntEnum):
    """A table lock; a larger one conflicts with at least as much."""

    ACCESS_SHARE = 1
    ROW_SHARE = 2
    ROW_EXCLUSIVE = 3
    SHARE_UPDATE_EXCLUSIVE = 4
    SHARE = 5
    SHARE_ROW_EXCLUSIVE = 6
    EXCLUSIVE = 7
    ACCESS_EXCLUSIVE = 8

    @property
    def title(self) -> str:
        """The name in SQL: ACCESS EXCLUSIVE."""
        return self.name.replace("_", " ")

    @property
    def mode(self) -> str:
        """The name in pg_locks: AccessExclusiveLock."""
        return f"{self.name.title().replace('_', '')}Lock"

    @property
    def holds_up(self) -> str:
        """What other sessions wait for while it is held."""
        if self is Lock.ACCESS_EXCLUSIVE:
            return "reads and writes wait"
        if self >= Lock.SHARE:
            return "writes wait, reads go on"
        if self is Lock.SHARE_UPDATE_EXCLUSIVE:
            return "reads and writes go on; other schema changes and VACUUM wait"
        return "reads and writes go on"
