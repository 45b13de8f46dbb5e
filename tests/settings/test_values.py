"""What a setting may be, and what it is until somebody changes it."""

import pytest
from flask import Flask

from dashboard.core.errors import NotFoundError
from dashboard.settings import queries
from dashboard.settings.registry import Definition, definition_of, exact_length, list_definitions

LENGTH = Definition("x", "Area", "Title", 60, kind="length", least=10, most=86_400)
NUMBER = Definition("y", "Area", "Title", 3, unit="days", least=1, most=10)
CRON = Definition("z", "Area", "Title", "5 * * * *", kind="cron")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("3600", 3600),
        ("1 h", 3600),
        ("1h 30min", 5400),
        ("90 minutes", 5400),
        ("0.5 h", 1800),
        ("1 day", 86_400),
    ],
)
def test_length_is_read_as_people_write_it(written: str, seconds: int) -> None:
    assert LENGTH.read(written) == seconds


@pytest.mark.parametrize("written", ["", "soon", "1 fortnight", "5 s", "2 d", "-1", "1 h later"])
def test_length_that_makes_no_sense_or_is_out_of_bounds_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"Write a length|must lie between"):
        LENGTH.read(written)


@pytest.mark.parametrize("written", ["0", "11", "3.5", "three"])
def test_number_out_of_bounds_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"whole number|must lie between 1 day and 10 days"):
        NUMBER.read(written)


@pytest.mark.parametrize("written", ["* * * *", "61 * * * *", "every hour", "* * * * * *"])
def test_line_that_is_no_cron_line_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="cron line"):
        CRON.read(written)


def test_cron_line_is_kept_without_extra_blanks() -> None:
    assert CRON.read(" 0   3 * *  1 ") == "0 3 * * 1"


@pytest.mark.parametrize("seconds", [0, 59, 3600, 5400, 90_061])
def test_length_that_is_shown_can_be_read_again(seconds: int) -> None:
    wide = Definition("w", "Area", "Title", 0, kind="length")
    assert wide.read(exact_length(seconds)) == seconds


def test_every_declared_default_is_a_value_it_would_accept(app: Flask) -> None:
    found = list_definitions()
    assert len(found) >= 9
    assert [row.key for row in found if row.read(row.write(row.default)) != row.default] == []


def test_default_holds_until_somebody_changes_it(app: Flask) -> None:
    assert queries.value("backups.rpo_seconds") == 3600
    assert queries.length("backups.rto_seconds").total_seconds() == 14_400
    assert queries.get_setting("backups.rpo_seconds").state == queries.UNCONFIRMED


def test_setting_that_nobody_declared_is_said_by_name(app: Flask) -> None:
    with pytest.raises(NotFoundError, match=r"backups\.nothing"):
        definition_of("backups.nothing")
