"""Starts one Patroni: `patroni_node.py <configuration> [<uid> <gid>]`.

PostgreSQL refuses to run as root, so Patroni may not be root either. The account it gets may not be able to
enter the folder of our Python: everything is imported before the account is changed, and children are forked.
"""

import encodings
import importlib
import multiprocessing
import os
import pkgutil
import sys
from contextlib import suppress
from typing import Any

import psycopg2.extras  # noqa: F401
import yaml  # noqa: F401

# They carry no types.
patroni: Any = importlib.import_module("patroni")
pysyncobj: Any = importlib.import_module("pysyncobj")
program: Any = importlib.import_module("patroni.__main__")
NOT_RUNNABLE = ("patroni.__main__", "patroni.scripts", "pysyncobj.win_inet_pton")


def load_everything() -> None:
    """Import all that is needed later, codecs too."""
    modules = [
        *pkgutil.walk_packages(patroni.__path__, "patroni."),
        *pkgutil.walk_packages(pysyncobj.__path__, "pysyncobj."),
        *pkgutil.iter_modules(encodings.__path__, "encodings."),
        *pkgutil.iter_modules(multiprocessing.__path__, "multiprocessing."),
    ]
    for found in modules:
        if not found.name.startswith(NOT_RUNNABLE):
            with suppress(ImportError):
                importlib.import_module(found.name)


def become(uid: int, gid: int) -> None:
    """Change the account for good."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    fork = multiprocessing.get_context("fork")
    multiprocessing.get_context = lambda _method=None: fork  # type: ignore[assignment]


def main() -> None:
    """Run until INT or TERM."""
    configuration, *account = sys.argv[1:]
    load_everything()
    if account:
        become(int(account[0]), int(account[1]))
    sys.argv = ["patroni", configuration]
    program.main()


if __name__ == "__main__":
    main()
