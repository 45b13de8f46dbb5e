"""The settings of the synchronous copy: one of two words, names, a length that may be never."""

import pytest

from dashboard.replication.synchronous.declared import DEGRADE_AFTER, RESTORE, STANDBY, SYNCHRONOUS
from dashboard.settings.registry import definition_of


@pytest.mark.parametrize(
    ("key", "written", "value", "shown"),
    [
        (SYNCHRONOUS, " On ", "on", "on"),
        (RESTORE, "by hand", "by hand", "by hand"),
        (STANDBY, " az-b, dr ", "az-b, dr", "az-b, dr"),
        (DEGRADE_AFTER, "never", 0, "never"),
        (DEGRADE_AFTER, "Never", 0, "never"),
        (DEGRADE_AFTER, "1 min 30 s", 90, "1 min 30 s"),
    ],
    ids=["on", "by hand", "names", "never", "Never", "length"],
)
def test_setting_is_read_as_it_is_shown(key: str, written: str, value: object, shown: str) -> None:
    definition = definition_of(key)
    assert definition.read(written) == value
    assert definition.write(value) == shown
    assert definition.read(definition.write(value)) == value


@pytest.mark.parametrize(
    ("key", "written", "words"),
    [
        (SYNCHRONOUS, "maybe", "Write one of: off, on."),
        (DEGRADE_AFTER, "0", "between 10 s and 1 d"),
        (DEGRADE_AFTER, "soon", "Write a length of time"),
    ],
    ids=["no choice", "too short", "no length"],
)
def test_setting_that_makes_no_sense_is_refused(key: str, written: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        definition_of(key).read(written)
