"""Which WAL a restore takes along, and how it is read; and what errors of the engines mean."""

import bz2
import gzip
import lzma
from pathlib import Path

import pytest

from dashboard.backups.barman import Barman
from dashboard.backups.repository_wal import Folders
from dashboard.backups.restoring import replaying, wals
from dashboard.backups.restoring.errors import BackupBrokenError
from dashboard.core.errors import UnavailableError

SEGMENT = 2**20
PAGE = b"\x16\xd1" + bytes(SEGMENT - 2)
NOBODY = Barman(None, "main")


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    found = Folders(tmp_path / "wals", tmp_path / "incoming", tmp_path / "streaming")
    for folder in (found.filed / "0000000100000000", found.filed / "0000000200000000", found.streaming):
        folder.mkdir(parents=True)
    return found


def put(folders: Folders, name: str, content: bytes = PAGE) -> Path:
    path = folders.filed / name[:16] / name
    path.write_bytes(content)
    return path


def name(number: int, timeline: int = 1) -> str:
    return f"{timeline:08X}{0:08X}{number:08X}"


def names(found: list[wals.WalFile]) -> list[str]:
    return [file.name for file in found]


def test_every_timeline_and_the_piece_being_received_are_taken_along(folders: Folders) -> None:
    for number in (1, 2, 3):
        put(folders, name(number))
    put(folders, name(3, timeline=2))
    put(folders, f"{name(2)}.00000028.backup")
    (folders.filed / "00000002.history").write_text("1\t0/300000\tno recovery target specified")
    (folders.streaming / f"{name(4, timeline=2)}.partial").write_bytes(PAGE)
    found = wals.find_wal(folders, name(2), SEGMENT)
    assert set(names(found)) == {"00000002.history", name(2), name(3), name(3, 2), name(4, 2)}
    assert [file.name for file in found if file.is_live] == [name(4, 2)]
    assert set(names(wals.find_wal(folders, name(2), SEGMENT, until=SEGMENT))) == {
        "00000002.history",
        name(2),
    }


def test_a_gap_names_the_missing_file(folders: Folders) -> None:
    put(folders, name(1))
    put(folders, name(3))
    with pytest.raises(BackupBrokenError, match="lacks a WAL file") as gap:
        wals.find_wal(folders, name(1), SEGMENT)
    assert gap.value.broken_file == name(2)
    assert names(wals.find_wal(folders, name(1), SEGMENT, until=0)) == [name(1)]


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, bz2.compress, lzma.compress], ids=["plain", "gz", "bz2", "xz"]
)
def test_wal_is_read_however_it_is_packed(folders: Folders, tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    put(folders, name(1), pack(PAGE))
    (file,) = wals.find_wal(folders, name(1), SEGMENT)
    wals.bring(file, tmp_path, NOBODY, SEGMENT)
    assert (tmp_path / name(1)).read_bytes() == PAGE


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (PAGE[:1000], "1000 bytes instead of"),
        (gzip.compress(PAGE)[:300], "cannot be decompressed"),
        (b"-----BEGIN PGP MESSAGE-----", "Barman cannot read the WAL file"),
    ],
    ids=["short", "cut off", "foreign"],  # the middle one holds the time of packing
)
def test_wal_that_is_short_cut_off_or_foreign_is_broken(
    folders: Folders, tmp_path: Path, content: bytes, reason: str
) -> None:
    path = put(folders, name(1), content)
    (file,) = wals.find_wal(folders, name(1), SEGMENT)
    with pytest.raises(BackupBrokenError, match=reason) as broken:
        wals.bring(file, tmp_path, NOBODY, SEGMENT)
    assert broken.value.broken_file == str(path)


def test_a_full_disk_is_not_the_backups_fault() -> None:
    packed = "Error decompressing /b/base.tar.gz into /x: "
    broken = replaying.judge_barman(f"{packed}gzip: stdin: invalid compressed data--crc error\nSee log file")
    assert isinstance(broken, BackupBrokenError)
    assert broken.broken_file == "/b/base.tar.gz"
    full = replaying.judge_barman(f"{packed}tar: pg_wal: No space left on device")
    assert isinstance(full, UnavailableError)
    assert isinstance(replaying.judge_barman("Server 'main' is not configured"), UnavailableError)


def test_the_restored_servers_last_words_tell_damage_from_trouble() -> None:
    damaged = 'x FATAL:  could not open file "base/5/1259": No such file or directory'
    found = replaying.judge_log(damaged, "ended")
    assert isinstance(found, BackupBrokenError)
    assert found.broken_file == "base/5/1259"
    assert isinstance(replaying.judge_log("FATAL:  could not map memory", "ended"), UnavailableError)
    short = replaying.judge_log(f"FATAL:  {replaying.NOT_REACHED}", "ended")
    assert "before the restore point" in short.message
