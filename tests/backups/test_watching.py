"""What the repository's folder says about its WAL, without Barman."""

from pathlib import Path

import pytest

from dashboard.backups.wal import SEGMENT_BYTES
from dashboard.backups.watching.probes import Layout, layout_of, read_wal
from dashboard.health.connection import ProbeError


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / "base" / "20261120T100000").mkdir(parents=True)
    (tmp_path / "base" / "20261121T100000").mkdir()
    (tmp_path / "wals").mkdir()
    (tmp_path / "wals" / "xlog.db").touch()
    return Layout(tmp_path / "base", tmp_path / "wals", "barman_main")


FULLS = [("20261120T100000", name := "000000010000000000000003"), ("20261121T100000", f"{name[:-1]}6")]


def lay(layout: Layout, *names: str) -> None:
    for name in names:
        folder = layout.wals / name[:16]
        folder.mkdir(exist_ok=True)
        (folder / name).touch()


def missing(layout: Layout, fulls: list[tuple[str, str]] | None = None) -> list[str]:
    return read_wal(layout, FULLS if fulls is None else fulls, SEGMENT_BYTES).missing


def segment(number: int, timeline: int = 1) -> str:
    return f"{timeline:08X}00000000{number:08X}"


def test_stretch_without_a_gap(layout: Layout) -> None:
    lay(layout, *(segment(number) for number in (3, 4, 5, 6)))
    found = read_wal(layout, FULLS, SEGMENT_BYTES)
    assert (found.begin, found.last, found.files) == (segment(3), segment(6), 4)
    assert (found.missing, found.missing_count, found.slot_name) == ([], 0, "barman_main")


def test_missing_files_are_named(layout: Layout) -> None:
    lay(layout, *(segment(number) for number in (3, 6, 8)))
    assert missing(layout) == [segment(4), segment(5), segment(7)]


def test_missing_first_file_of_the_oldest_backup_is_a_gap(layout: Layout) -> None:
    lay(layout, segment(4))
    assert missing(layout) == [segment(3)]


def test_wal_before_the_oldest_backup_does_not_count(layout: Layout) -> None:
    lay(layout, segment(0), segment(3))
    assert missing(layout) == []


def test_backup_that_retention_is_removing_does_not_count(layout: Layout) -> None:
    (layout.base / FULLS[0][0]).rmdir()
    lay(layout, segment(6), segment(7))
    assert missing(layout) == []


def test_newest_backup_whose_wal_is_on_its_way_is_no_gap(layout: Layout) -> None:
    lay(layout, segment(1))
    assert missing(layout) == []


def test_new_timeline_goes_on_where_the_old_one_ended(layout: Layout) -> None:
    lay(layout, segment(3), segment(4, 2), segment(6, 2), "00000002.history")
    assert missing(layout) == [segment(5, 2)]


def test_many_missing_files_are_counted(layout: Layout) -> None:
    lay(layout, segment(3), segment(200))
    found = read_wal(layout, FULLS, SEGMENT_BYTES)
    assert (len(found.missing), found.missing_count) == (20, 196)


def test_log_number_grows_with_the_file_number(layout: Layout) -> None:
    lay(layout, segment(3), "000000010000000100000001")
    last = [*read_wal(layout, [("20261120T100000", "0000000100000000000000FF")], SEGMENT_BYTES).missing]
    assert last == ["0000000100000000000000FF", "000000010000000100000000"]


def test_empty_repository_has_no_gap(layout: Layout) -> None:
    assert missing(layout) == []
    assert missing(layout, []) == []


def test_repository_that_is_away_is_said(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match="cannot be listed"):
        read_wal(Layout(tmp_path, tmp_path / "wals", ""), FULLS, SEGMENT_BYTES)


def test_configuration_of_barman_is_understood(tmp_path: Path) -> None:
    config, servers = tmp_path / "barman.conf", tmp_path / "servers.d"
    servers.mkdir()
    config.write_text(f"[barman]\nbarman_home = {tmp_path}\nconfiguration_files_directory = {servers}\n")
    (servers / "main.conf").write_text("; ours\n[main]\nslot_name = one\nconninfo = passfile='%h'\n")
    (servers / "other.conf").write_text(
        "[other]\nbackup_directory = /srv/other\nwals_directory = /srv/wals\n"
    )
    home = tmp_path / "main"
    assert layout_of(config, "main") == Layout(home / "base", home / "wals", "one")
    assert layout_of(config, "other") == Layout(Path("/srv/other/base"), Path("/srv/wals"), "")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("[main", "cannot be understood"),
        ("[barman]\n", "knows no server called main"),
    ],
)
def test_wrong_configuration_is_said(tmp_path: Path, content: str | None, words: str) -> None:
    config = tmp_path / "barman.conf"
    if content is not None:
        config.write_text(content)
    with pytest.raises(ProbeError, match=words):
        layout_of(config, "main")


def test_missing_setting_is_said() -> None:
    with pytest.raises(ProbeError, match="STEWARD_BARMAN_CONFIG is empty"):
        layout_of(None, "main")
