"""A physical standby: a copy of a primary that follows it by streaming through its own slot."""

import os
import shutil
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from dashboard.servers.binaries import major_version
from dashboard.servers.pgdata import check_folder, make_private_folder, write_private
from dashboard.servers.postgres import HOST, SUPERUSER, Postgres
from dashboard.servers.process import run_tool


@dataclass(frozen=True)
class Upstream:
    """Where a standby gets its data from, and as whom."""

    port: int
    superuser_password: str
    user: str
    password: str


class Standby(Postgres):
    """A server whose folder is made by pg_basebackup; its name is the expected standby's name."""

    def __init__(
        self,
        folder: Path,
        port: int,
        upstream: Upstream,
        options: Mapping[str, str],
        *,
        bin_folder: Path | None = None,
    ) -> None:
        # A standby has the primary's roles, so the superuser's password is the primary's too.
        password = upstream.superuser_password
        super().__init__(folder, port, password, options, bin_folder=bin_folder)
        self.upstream = upstream

    @property
    def slot(self) -> str:
        """The name of its replication slot on the primary (slots allow no dash)."""
        return self.name.replace("-", "_")

    def ensure_initialised(self) -> bool:
        """Copy the running primary when there is no data yet; return whether it was copied now."""
        if check_folder(self.folder, self.account, major_version(self.bin)):
            return False
        self._drop_unused_slot()
        unfinished = self.folder.with_name(f"{self.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        make_private_folder(unfinished, self.account)
        passwords = self.folder.with_name(f"{self.name}.pgpass")
        entry = f"{HOST}:{self.upstream.port}:*:{self.upstream.user}:{self.upstream.password}\n"
        write_private(passwords, entry, self.account)
        run_tool(self._copy_command(unfinished, passwords), self.folder.parent, self.account)
        if self.folder.exists():
            self.folder.rmdir()
        unfinished.rename(self.folder)
        return True

    def _copy_command(self, target: Path, passwords: Path) -> list[str]:
        # The password file stays: primary_conninfo, written by -R, refers to it.
        source = (
            f"host={HOST} port={self.upstream.port} user={self.upstream.user} "
            f"passfile='{passwords}' application_name={self.name}"
        )
        return [
            os.fspath(self.bin / "pg_basebackup"),
            *("-D", os.fspath(target), "-d", source, "-R", "-C", "-S", self.slot),
            *("-X", "stream", "--checkpoint=fast", "--no-password"),
        ]

    def _drop_unused_slot(self) -> None:
        """Remove the slot of a copy that was broken off: pg_basebackup wants to make it anew."""
        link = psycopg2.connect(
            host=HOST,
            port=self.upstream.port,
            user=SUPERUSER,
            password=self.upstream.superuser_password,
            dbname="postgres",
        )
        with closing(link), link.cursor() as cursor:
            cursor.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                " WHERE slot_name = %s AND NOT active",
                (self.slot,),
            )
            link.commit()
