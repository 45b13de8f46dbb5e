"""Files somebody brings to be checked: found to be a report, or said to be none, however hostile."""

import io
import json
import zlib
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from dashboard.compliance import brought, checking
from dashboard.compliance.brought import KIND
from dashboard.compliance.chain import canonical
from tests.compliance.world import World

REPORT = canonical({"kind": KIND, "number": 1})


def a_pdf(*streams: bytes, end: bytes = b"\n") -> bytes:
    """What matters of a PDF here: streams between their marks."""
    marked = (b"<<>>\nstream" + end + each + end + b"endstream\nendobj\n" for each in streams)
    return b"%PDF-1.7\n" + b"".join(marked)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize("last", [b"\r", b"\n", b"\0"], ids=["return", "newline", "other"])
def test_content_is_found_whatever_its_packed_bytes_end_with(last: bytes, end: bytes) -> None:
    contents = (canonical({"kind": KIND, "number": number}) for number in range(1, 100_000))
    content = next(one for one in contents if zlib.compress(one.encode()).endswith(last))
    assert brought.content_in(a_pdf(zlib.compress(content.encode()), end=end)) == content


def test_content_is_found_behind_other_streams_and_unpacked_too() -> None:
    others = (b"\x89PNG", zlib.compress(b"a font"), zlib.compress(b"[1]"), b"the word stream alone", b"")
    assert brought.content_in(a_pdf(*others, zlib.compress(REPORT.encode()))) == REPORT
    assert brought.content_in(a_pdf(*others, REPORT.encode())) == REPORT
    assert brought.content_in(a_pdf(*others)) == ""


def test_marks_without_an_end_are_gone_through_once() -> None:
    # Looking for the end of each anew would take hours.
    assert brought.content_in(a_pdf(zlib.compress(b"{}")) + b"stream\n" * 1_000_000) == ""


def test_no_more_is_unpacked_than_a_report_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    large = canonical({"kind": KIND, "number": 1, "filling": "x" * 2_000})
    bombs = [zlib.compress(b" " * 1_000)] * 3
    monkeypatch.setattr(brought, "MOST_OF_ONE", 1_000)
    assert brought.content_in(a_pdf(zlib.compress(large.encode()))) == ""
    monkeypatch.setattr(brought, "MOST_OF_ALL", 3_000)
    assert brought.content_in(a_pdf(*bombs[:2], zlib.compress(REPORT.encode()))) == REPORT
    assert brought.content_in(a_pdf(*bombs, zlib.compress(REPORT.encode()))) == ""


HOSTILE = {
    "nested": b"[" * 100_000 + b"]" * 100_000,
    "nested in a report": b'{"kind": "%s", "number": 1, "promises": %s}'
    % (KIND.encode(), b"[" * 500 + b"]" * 500),
    "no number": json.dumps({"kind": KIND}).encode(),
    "a number of things": json.dumps({"kind": KIND, "number": {"a": 1}}).encode(),
    "a word for a number": json.dumps({"kind": KIND, "number": "1; --"}).encode(),
    "truth for a number": json.dumps({"kind": KIND, "number": True}).encode(),
    "below all numbers": json.dumps({"kind": KIND, "number": -1}).encode(),
    "above all numbers": json.dumps({"kind": KIND, "number": 2**31}).encode(),
    "far above": b'{"kind": "%s", "number": 1e999}' % KIND.encode(),
    "not a number": b'{"kind": "%s", "number": 1, "x": NaN}' % KIND.encode(),
    "half a character": b'{"kind": "%s", "number": 1, "x": "\\ud800"}' % KIND.encode(),
    "a list": b"[]",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_json_of_something_else_is_no_report(name: str, world: World) -> None:
    data = HOSTILE[name]
    words = "report 1, which is not here" if name == "nested in a report" else "no report of promises"
    for file in (data, a_pdf(zlib.compress(data))):
        finding = checking.check_file(file)
        assert not finding.is_well
        assert words in finding.text


def test_page_says_so_of_a_hostile_file(world: World, login: Callable[..., FlaskClient]) -> None:
    browser = login("dba")
    for name, data in HOSTILE.items():
        form = {"file": (io.BytesIO(data), "report.json")}
        answer = browser.post("/database/promises/reports/check", data=form)
        assert answer.status_code == 200, name
        assert "report" in answer.text
