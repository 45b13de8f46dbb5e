"""What one data folder remembers: its ports, its generated passwords, and what has been done."""

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from dashboard.servers import free_port
from dashboard.servers.pgdata import write_private
from dashboard.stack.options import StackError

STATE_FILE = "state.json"
# What may be in a data folder before its first start: commands of ours that ran without a stack.
OWN_NAMES = {"mail", "logs", "files", "run", "stack.lock"}
PASSWORD_BYTES = 24


@dataclass
class State:
    """The content of state.json (mode 600)."""

    path: Path
    ports: dict[str, int] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    done: dict[str, str] = field(default_factory=dict)

    def port(self, name: str) -> int:
        """Return the port of a server, chosen once: other tools keep it in their configuration."""
        if name not in self.ports:
            port = free_port()
            while port in self.ports.values():
                port = free_port()
            self.ports[name] = port
            self.save()
        return self.ports[name]

    def password(self, name: str) -> str:
        """Return a generated password, the same one ever after."""
        if name not in self.passwords:
            self.passwords[name] = secrets.token_urlsafe(PASSWORD_BYTES)
            self.save()
        return self.passwords[name]

    def mark(self, step: str, value: str) -> None:
        """Remember that a step was done, so that the next start skips it."""
        self.done[step] = value
        self.save()

    def forget(self, *steps: str) -> None:
        """Let steps be done again at the next start."""
        for step in steps:
            self.done.pop(step, None)
        self.save()

    def save(self) -> None:
        """Write the file, whole or not at all."""
        content = {"ports": self.ports, "passwords": self.passwords, "done": self.done}
        write_private(self.path, json.dumps(content, indent=2) + "\n", None)


def load_state(home: Path) -> State:
    """Read a data folder's state; an empty folder gives a new one.

    Raises StackError when the folder holds something else, or state.json cannot be read.
    """
    path = home / STATE_FILE
    try:
        content = json.loads(path.read_text())
        return State(path, dict(content["ports"]), dict(content["passwords"]), dict(content["done"]))
    except FileNotFoundError:
        _refuse_foreign(home)
        return State(path)
    except OSError as error:
        raise StackError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StackError(f"{path} is damaged: {error}.") from error


def _refuse_foreign(home: Path) -> None:
    if not home.exists():
        return
    foreign = sorted(path.name for path in home.iterdir() if path.name not in OWN_NAMES)
    if foreign:
        raise StackError(
            f"{home} holds other files ({', '.join(foreign[:3])}) and is no Steward data folder: "
            "set STEWARD_HOME to an empty one."
        )
