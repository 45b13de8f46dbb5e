"""A member of a cluster: a copy of the primary that streams through its own slot, or the primary itself."""

import os
import shutil
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from dashboard.servers.binaries import major_version
from dashboard.servers.errors import ServerError
from dashboard.servers.pgdata import check_folder, initialise, make_private_folder, write_private
from dashboard.servers.postgres import HOST, SUPERUSER, Postgres
from dashboard.servers.process import run_tool

SIGNAL = "standby.signal"
# ALTER SYSTEM, a copy and pg_rewind write here; whom to follow is said in our own file.
AUTOMATIC = "postgresql.auto.conf"
OURS = ("primary_conninfo", "primary_slot_name")


@dataclass(frozen=True)
class Upstream:
    """Where a standby gets its data from, and as whom.

    `others` are ports of members that may become the primary: the standby then follows by itself.
    """

    port: int
    superuser_password: str
    user: str
    password: str
    others: tuple[int, ...] = ()

    def conninfo(self, passwords: Path) -> str:
        """Return libpq's connection string: whoever of them takes writes."""
        ports = [str(port) for port in (self.port, *self.others)]
        login = f"user={self.user} passfile='{passwords}'"
        if not self.others:
            return f"host={HOST} port={self.port} {login}"
        hosts = ",".join([HOST] * len(ports))
        return f"host={hosts} port={','.join(ports)} target_session_attrs=primary connect_timeout=3 {login}"


class Standby(Postgres):
    """A server that follows `upstream`; without one it is the primary, made by initdb when it has no data.

    Its name is the expected member's name. A standby that was promoted stays an object of this class.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        upstream: Upstream | None,
        options: Mapping[str, str],
        *,
        bin_folder: Path | None = None,
        name: str = "",
        superuser_password: str = "",
    ) -> None:
        # A standby has the primary's roles, so the superuser's password is the primary's too.
        password = upstream.superuser_password if upstream else superuser_password
        super().__init__(folder, port, password, options, bin_folder=bin_folder, name=name)
        self.upstream = upstream

    @property
    def slot(self) -> str:
        """The name of its replication slot on the primary (slots allow no dash)."""
        return self.name.replace("-", "_")

    @property
    def passwords(self) -> Path:
        """The password file that `primary_conninfo` refers to."""
        return self.folder.with_name(f"{self.folder.name}.pgpass")

    def ensure_initialised(self) -> bool:
        """Copy the running primary, or make a new one, when there is no data; return whether it was made."""
        if check_folder(self.folder, self.account, major_version(self.bin)):
            return False
        if self.upstream is None:
            initialise(self.folder, self.bin, self.account, self.superuser_password)
        else:
            self.copy_primary()
        return True

    def copy_primary(self) -> None:
        """Copy the primary anew; an older folder goes only when the copy is whole. Raises ServerError."""
        upstream = self.following()
        self._make_slot_anew(upstream)
        unfinished = self.folder.with_name(f"{self.folder.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        make_private_folder(unfinished, self.account)
        self.write_passwords()
        run_tool(self._copy_command(unfinished, upstream), self.folder.parent, self.account)
        write_private(unfinished / SIGNAL, "", self.account)
        drop_settings(unfinished / AUTOMATIC, self)
        before = self.folder.with_name(f"{self.folder.name}.before")
        shutil.rmtree(before, ignore_errors=True)
        if self.folder.exists():
            self.folder.rename(before)
        unfinished.rename(self.folder)
        shutil.rmtree(before, ignore_errors=True)

    def launch(self) -> None:
        """Start it without waiting. Raises ServerError for a former primary that has not rejoined."""
        if self.upstream is not None and self.pid is None and self.has_data() and not self.is_standby():
            raise ServerError(
                f"'{self.name}' was the primary and would be a second one now: let it rejoin first."
            )
        super().launch()

    def has_data(self) -> bool:
        """Tell whether there is a data folder."""
        return (self.folder / "PG_VERSION").exists()

    def configure(self) -> None:
        """Write the settings of the next start; whom it follows is in them, and nowhere else."""
        if self.upstream is not None:
            self.write_passwords()
            drop_settings(self.folder / AUTOMATIC, self)
        super().configure()

    def own_settings(self) -> dict[str, str]:
        """Return whom to follow, through which slot."""
        if self.upstream is None:
            return {}
        source = f"{self.upstream.conninfo(self.passwords)} application_name={self.name}"
        return {"primary_conninfo": source, "primary_slot_name": self.slot}

    def following(self) -> Upstream:
        """Return whom it follows. A primary follows nobody: ValueError."""
        if self.upstream is None:
            raise ValueError(f"{self.name} follows nobody.")
        return self.upstream

    def write_passwords(self) -> None:
        """Write the password file; it stays, since primary_conninfo refers to it."""
        upstream = self.following()
        entry = f"{HOST}:*:*:{upstream.user}:{upstream.password}\n"
        write_private(self.passwords, entry, self.account)

    def _copy_command(self, target: Path, upstream: Upstream) -> list[str]:
        source = (
            f"host={HOST} port={upstream.port} user={upstream.user} "
            f"passfile='{self.passwords}' application_name={self.name}"
        )
        return [
            os.fspath(self.bin / "pg_basebackup"),
            *("-D", os.fspath(target), "-d", source, "-S", self.slot),
            *("-X", "stream", "--checkpoint=fast", "--no-password"),
        ]

    def _make_slot_anew(self, upstream: Upstream) -> None:
        """Give it an empty slot on the primary: one left by a copy that was broken off may have lost WAL."""
        link = psycopg2.connect(
            host=HOST,
            port=upstream.port,
            user=SUPERUSER,
            password=upstream.superuser_password,
            dbname="postgres",
        )
        with closing(link), link.cursor() as at:
            at.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                " WHERE slot_name = %s AND NOT active",
                (self.slot,),
            )
            at.execute("SELECT pg_create_physical_replication_slot(%s, true)", (self.slot,))
            link.commit()


def drop_settings(path: Path, server: Postgres, names: tuple[str, ...] = OURS) -> None:
    """Take settings out of postgresql.auto.conf while its server is down: they would win over our file."""
    if not path.exists():
        return
    lines = path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if line.partition("=")[0].strip() not in names]
    if kept != lines:
        write_private(path, "".join(kept), server.account)
