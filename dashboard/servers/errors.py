"""The error every server engine raises."""


class ServerError(Exception):
    """A server cannot be found, made, started or stopped; the text is one sentence for people."""
