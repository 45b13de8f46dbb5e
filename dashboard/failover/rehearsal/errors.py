"""The two ways a rehearsal ends badly, which must never be mixed up."""


class FailoverFailedError(Exception):
    """The failover itself did not work as promised: in earnest it would not have either."""


class RehearsalBrokenError(Exception):
    """The rehearsal could not go on for a reason of its own; it says nothing about a failover."""
