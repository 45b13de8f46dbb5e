"""Free TCP ports on the loopback interface."""

import secrets
import socket

from dashboard.servers.errors import ServerError

# Below the range from which kernels hand out ports for outgoing connections, so that a port which
# is kept for years is not taken by a passing connection.
FIRST, LAST = 20000, 32000
_given: set[int] = set()


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether a server could listen on this port now."""
    with socket.socket() as probe:
        # As servers do: a port in TIME_WAIT after a restart is not taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a port nobody listens on and this process has not been given before."""
    for _ in range(1000):
        port = FIRST + secrets.randbelow(LAST - FIRST)
        if port not in _given and is_free(port):
            _given.add(port)
            return port
    msg = f"No free port between {FIRST} and {LAST}."
    raise ServerError(msg)
