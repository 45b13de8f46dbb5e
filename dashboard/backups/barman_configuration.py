"""Reads from Barman's own configuration where a server's folders are."""

from configparser import Error as ConfigurationError
from configparser import RawConfigParser
from dataclasses import dataclass
from pathlib import Path

from dashboard.backups.barman import BarmanError


@dataclass(frozen=True)
class ServerSection:
    """What Barman's configuration says of one server."""

    parser: RawConfigParser
    server: str

    def text(self, name: str) -> str:
        """Return an option; '' when it is not set."""
        return self.parser.get(self.server, name, fallback="")

    def folder(self, name: str, usual: str) -> Path:
        """Return a folder by its option, else where Barman has it by default."""
        home = self.parser.get("barman", "barman_home", fallback="/var/lib/barman")
        own = self.parser.get(self.server, "backup_directory", fallback=f"{home}/{self.server}")
        return Path(self.parser.get(self.server, name, fallback=f"{own}/{usual}"))


def read_section(config: Path | None, server: str) -> ServerSection:
    """Read the configuration and its folder of servers. Raises BarmanError."""
    if config is None:
        raise BarmanError("Barman is not set up: STEWARD_BARMAN_CONFIG is empty.")
    parser = RawConfigParser(inline_comment_prefixes=(";",), strict=False)
    try:
        with config.open(encoding="utf-8") as file:
            parser.read_file(file)
        servers = parser.get("barman", "configuration_files_directory", fallback="/etc/barman.d")
        parser.read(sorted(Path(servers).glob("*.conf")), encoding="utf-8")
    except OSError as error:
        raise BarmanError(
            f"Barman's configuration {config} cannot be read on this machine: {error.strerror}."
        ) from error
    except ConfigurationError as error:
        raise BarmanError(f"Barman's configuration cannot be understood: {error.message}") from error
    if not parser.has_section(server):
        raise BarmanError(f"Barman's configuration knows no server called {server}.")
    return ServerSection(parser, server)
