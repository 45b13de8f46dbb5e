"""Count the lines that tests run, once, and none where a test says `no_cover`.

Counting makes Python three to five times slower, in libraries as well, so it may not go on unseen.
"""

import importlib
import os
import pkgutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest
from coverage import Coverage

import dashboard

IN_CHILDREN = "COVERAGE_PROCESS_CONFIG"  # tells the processes a test starts to count theirs


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    """End the counts a test process was born with: pytest-cov begins the one that is reported after this.

    It would stop only its own for `no_cover`, and the two below would go on counting for nobody.
    """
    if _is_test_process():
        while begun := Coverage.current():
            begun.stop()
    elif Coverage.current():
        _count_imports()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Count nothing while a test process reads the tests: counted, pytest takes twice as long for it.

    All that would run of ours are the imports; the process that hands out the tests counts those.
    """
    counting = Coverage.current() if _is_test_process() else None
    if counting is None:
        return (yield)
    counting.stop()
    try:
        return (yield)
    finally:
        counting.start()


def _is_test_process() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


def _count_imports() -> None:
    for module in pkgutil.walk_packages(dashboard.__path__, "dashboard."):
        if not module.name.endswith(".__main__"):  # which would run
            importlib.import_module(module.name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Let the processes a `no_cover` test starts count no lines either."""
    if item.get_closest_marker("no_cover") is None:
        return (yield)
    with _children_do_not_count():
        return (yield)


@contextmanager
def _children_do_not_count() -> Iterator[None]:
    told = os.environ.pop(IN_CHILDREN, None)
    try:
        yield
    finally:
        if told is not None:
            os.environ[IN_CHILDREN] = told


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let --no-cov run tests whose lines are not counted: pytest-cov would stop a count that never began."""
    if config.option.no_cov:
        for node in {node for item in items for node in item.listchain()}:
            node.own_markers[:] = [marker for marker in node.own_markers if marker.name != "no_cover"]
