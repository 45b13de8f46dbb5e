"""A process killed in the middle of a creation leaves nothing half-made."""

import os
import signal
import time
from collections.abc import Callable

import pytest
from flask import Flask

from dashboard.core.db import db
from dashboard.tenants.creating import pool
from dashboard.tenants.creating import service as creating
from dashboard.tenants.service import create_tenant
from tests.tenants.creating.conftest import Makings
from tests.tenants.creating.test_blueprint import way_of

pytestmark = [
    pytest.mark.commits,
    pytest.mark.xdist_group("creating"),
    pytest.mark.usefixtures("blueprint"),
]


def killed_in(app: Flask, work: Callable[[], object], stops_after: str) -> None:
    """Do work in another process, which stops after a step of the transaction and is killed there."""
    told, tell = os.pipe()
    process = os.fork()
    if process == 0:
        step = getattr(creating, stops_after)

        def stop(*arguments: object, **named: object) -> None:
            step(*arguments, **named)
            os.write(tell, b"here")
            time.sleep(60)

        with app.app_context():
            for engine in db.engines.values():
                engine.dispose(close=False)  # its connections are the parent's
            setattr(creating, stops_after, stop)
            work()
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.read(told, 4) == b"here"
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    for end in (told, tell):
        os.close(end)


@pytest.mark.parametrize("spares", [0, 1], ids=["replaying", "renaming"])
def test_a_creation_that_is_killed_leaves_nothing_and_can_be_done_again(
    makings: Makings, spares: int
) -> None:
    pool.keep(spares)
    slug, before = makings.slug(), makings.spares()
    killed_in(makings.app, lambda: create_tenant("Killed", slug), "_furnish")
    ended = time.monotonic() + 10
    while makings.sessions():
        assert time.monotonic() < ended, "the killed session is still there"
        time.sleep(0.05)
    assert makings.traces(slug) == []
    assert makings.spares() == before
    assert way_of(create_tenant("Again", slug)) == ("spare" if spares else "blueprint")
    assert [trace.split()[0] for trace in makings.traces(slug)] == ["head", "role", "schema", "tenant"]
