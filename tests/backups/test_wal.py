"""Arithmetic on WAL file names, and reading Barman's words."""

import pytest

from dashboard.backups.barman import BarmanError, backup_id_of, find_program, parse_backup, said
from dashboard.backups.wal import SEGMENT_BYTES, last_run, segment_number

W = "00000001000000000000000"


def test_segments_count_on_over_the_parts_of_a_name() -> None:
    assert segment_number("000000010000000000000001") == 1
    assert segment_number("0000000100000001000000FF") == 256 + 255
    assert segment_number("000000010000000100000003", 64 * 2**20) == 64 + 3


def test_unbroken_wal_is_one_run() -> None:
    run = last_run([f"{W}3", f"{W}4", f"{W}5", "00000002.history"])
    assert run is not None
    assert (run.first, run.last, run.has_gap) == (f"{W}3", f"{W}5", False)
    assert run.end_position == 6 * SEGMENT_BYTES


def test_gap_cuts_off_what_is_before_it() -> None:
    run = last_run([f"{W}2", f"{W}3", f"{W}5", f"{W}6"])
    assert run is not None
    assert (run.first, run.last, run.has_gap) == (f"{W}5", f"{W}6", True)


def test_new_timeline_goes_on_where_the_old_one_ended() -> None:
    run = last_run([f"{W}2", f"{W}3", "000000020000000000000003", "000000020000000000000004"])
    assert run is not None
    assert (run.first, run.last, run.has_gap) == (f"{W}2", "000000020000000000000004", False)


def test_no_wal_is_no_run() -> None:
    assert last_run(["00000002.history", "noise"]) is None


def test_complaints_of_barman_are_its_error_lines() -> None:
    assert said("a\nERROR: first\nERROR: second\nb") == "ERROR: first; ERROR: second"
    assert said("a\nlast words\n") == "last words"
    assert said("") == ""


def test_output_without_a_backup_is_an_error() -> None:
    with pytest.raises(BarmanError):
        backup_id_of(["nothing"])


def test_failed_backup_has_no_more_than_its_error() -> None:
    found = parse_backup({"backup_id": "x", "status": "FAILED", "error": "disk full"})
    assert (found.status, found.error, found.size_bytes, found.begin_at) == (
        "FAILED",
        "disk full",
        None,
        None,
    )


def test_program_is_found_beside_python_or_by_its_path() -> None:
    beside = find_program("barman")
    assert find_program(beside) == beside
    with pytest.raises(BarmanError, match="not installed"):
        find_program("/nowhere/barman")
