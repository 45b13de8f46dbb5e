"""What Barman's folders hold without a gap, and where they are."""

from pathlib import Path

import pytest

from dashboard.backups.barman import BarmanError
from dashboard.backups.repository_wal import Folders, HeldWal, folders_of, held_wal
from dashboard.backups.wal import SEGMENT_BYTES as SEGMENT


def wal(number: int, timeline: int = 1) -> str:
    return f"{timeline:08X}00000000{number:08X}"


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    found = Folders(tmp_path / "wals", tmp_path / "incoming", tmp_path / "streaming")
    for folder in (found.filed, found.incoming, found.streaming):
        folder.mkdir()
    return found


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"")


def filed(folders: Folders, *names: str) -> None:
    for name in names:
        (folders.filed / name[:16]).mkdir(exist_ok=True)
        put(folders.filed / name[:16], name)


def test_filed_arrived_and_received_files_make_one_stretch(folders: Folders) -> None:
    filed(folders, wal(3), wal(4), f"{wal(4)}.00000028.backup")
    put(folders.incoming, wal(5))
    put(folders.streaming, wal(6), f"{wal(7)}.partial")
    held = held_wal(folders, wal(3))
    assert (held.end, held.last, held.is_partial, held.missing) == (7 * SEGMENT, wal(7), True, "")


def test_stretch_ends_before_what_is_missing(folders: Folders) -> None:
    filed(folders, wal(3), wal(4), wal(6))
    held = held_wal(folders, wal(3))
    assert (held.end, held.last, held.missing) == (5 * SEGMENT, wal(4), wal(5))


def test_file_that_was_received_only_in_part_ends_the_stretch_too(folders: Folders) -> None:
    filed(folders, wal(3), wal(5))
    put(folders.streaming, f"{wal(4)}.partial")
    held = held_wal(folders, wal(3))
    assert (held.end, held.is_partial, held.missing) == (4 * SEGMENT, True, wal(4))


def test_backup_without_its_first_file_holds_nothing(folders: Folders) -> None:
    filed(folders, wal(4))
    held = held_wal(folders, wal(3))
    assert (held.last, held.missing) == ("", wal(3))


def test_newer_timeline_goes_on_where_the_old_one_ended(folders: Folders) -> None:
    filed(folders, wal(3), wal(4), wal(4, 2), wal(5, 2))
    assert held_wal(folders, wal(3)).last == wal(5, 2)


def test_what_was_known_beyond_the_end_is_not_believed_any_more(folders: Folders) -> None:
    filed(folders, wal(3))
    known = HeldWal(9 * SEGMENT, wal(8))
    assert held_wal(folders, wal(3), known=known).end == 4 * SEGMENT


def test_folder_that_is_not_here_is_said(folders: Folders) -> None:
    folders.filed.rmdir()
    with pytest.raises(BarmanError, match="cannot be read on this machine"):
        held_wal(folders, wal(3))


def configured(tmp_path: Path, server: str) -> Path:
    (tmp_path / "servers.d").mkdir()
    (tmp_path / "servers.d" / "main.conf").write_text(server)
    config = tmp_path / "barman.conf"
    config.write_text(
        f"[barman]\nbarman_home = /srv/barman ; where\nconfiguration_files_directory = {tmp_path}/servers.d\n"
    )
    return config


def test_folders_are_those_of_barmans_configuration(tmp_path: Path) -> None:
    config = configured(tmp_path, "[main]\nconninfo = host=a\nstreaming_wals_directory = /fast/streaming\n")
    found = folders_of(config, "main")
    assert found == Folders(
        Path("/srv/barman/main/wals"), Path("/srv/barman/main/incoming"), Path("/fast/streaming")
    )


def test_missing_configuration_or_server_is_said(tmp_path: Path) -> None:
    config = configured(tmp_path, "[main]\n")
    with pytest.raises(BarmanError, match="no server called other"):
        folders_of(config, "other")
    with pytest.raises(BarmanError, match="cannot be read on this machine"):
        folders_of(tmp_path / "nowhere.conf", "main")
    with pytest.raises(BarmanError, match="STEWARD_BARMAN_CONFIG"):
        folders_of(None, "main")
    config.write_text("no section")
    with pytest.raises(BarmanError, match="cannot be understood"):
        folders_of(config, "main")
