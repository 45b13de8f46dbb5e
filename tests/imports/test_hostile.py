"""Files that mean harm or are broken: a clear message, never a 500, and the upload is kept."""

import zipfile
from collections.abc import Callable
from functools import cache
from io import BytesIO

import pytest
import xlsxwriter
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import OrganizationFactory
from tests.imports.wizard import Wizard, session_of, text

Login = Callable[..., FlaskClient]
HEAD = "name,email,country,lead_time_days\n"


@pytest.fixture
def wizard(app: Flask, login: Login) -> Wizard:
    with session_of() as session:
        OrganizationFactory(name="Only Ltd")
        session.commit()
    return Wizard(login("staff", tenant="acme"))


def workbook(*rows: tuple[object, ...]) -> bytes:
    buffer = BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        sheet = book.add_worksheet()
        for number, cells in enumerate(rows):
            sheet.write_row(number, 0, cells)
    return buffer.getvalue()


@cache  # made when a test asks: packing takes a second, in each process that only reads the tests
def bomb() -> bytes:
    """A real workbook with a part that unpacks to far more than is allowed."""
    buffer = BytesIO(workbook(("name",), ("Alpha",)))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet9.xml", b"\0" * (170 * 1024 * 1024))
    return buffer.getvalue()


CORPUS: dict[str, bytes | str | Callable[[], bytes]] = {
    "nul": HEAD + "Al\x00pha,,,\n",
    "ten thousand columns": ",".join(f"c{n}" for n in range(10_000)) + "\n1\n",
    "doubled headings": "name,name,name\nA,B,C\n",
    "only a heading": HEAD,
    "an open quote": HEAD + '"Alpha,,,\n',
    "one huge cell": HEAD + "A" * 200_000 + ",,,\n",
    "wide rows": HEAD + "Alpha,,,,,,too,much\n",
    "lone bytes": b"name\n\xff\xfe\xfa\n",
    "utf-16": "name\nAlpha\n".encode("utf-16"),
    "zip that is none": b"PK\x03\x04" + b"x" * 500,
    "bomb": bomb,
    "numbers": HEAD + "Alpha,,DE,99999999999999999999999999\nBeta,,DE,1e400\nGamma,,DE,NaN\n",
    "lone surrogate": b"name\nAl\xed\xa0\x80pha\n",
    "utf-16 cut in half": "name\nAlpha\n".encode("utf-16")[:-1],
    "two encodings": "name\nMüller\n".encode() + "Müller\n".encode("latin-1"),
    "only NUL": b"\x00" * 500,
    "formulas": HEAD + "=HYPERLINK(\"http://evil.example\"),,,\n@SUM(1+1)*cmd|' /C calc'!A0,,,\n+1,,,\n",
    "formula cells": workbook(("name", "tax_id"), ("Alpha", "=1/0"), ("=A1", '=HYPERLINK("x")')),
    "sql": HEAD + "'; DROP TABLE supplier; --,,,\n%(x)s :run,,,\n",
}
WORKBOOKS = frozenset({"bomb", "zip that is none", "formula cells"})
ADDRESSES = (
    "?page=-1",
    f"?page={'9' * 40}",
    "1,2",
    "-1",
    "9" * 40,
    "1,2/columns",
    f"{'9' * 18}/columns",
    "%ED%A0%80",
)


@pytest.mark.parametrize("rest", ADDRESSES)
def test_no_address_breaks_the_list_of_imports(wizard: Wizard, rest: str) -> None:
    assert wizard.browser.get(f"/t/acme/records/imports/{rest}").status_code in {200, 404, 422}


@pytest.mark.parametrize("name", CORPUS)
def test_no_file_breaks_the_wizard(wizard: Wizard, name: str) -> None:
    content = CORPUS[name]
    content = content() if callable(content) else content
    page = wizard.upload("supplier", content, "file.xlsx" if name in WORKBOOKS else "file.csv")
    assert page.status_code == 200
    for answer in (wizard.check(), wizard.browser.get(f"/t/acme/records/imports/{wizard.id}")):
        assert answer.status_code < 500
    assert wizard.run().file_name.startswith("file.")


def test_an_empty_file_is_refused_at_once(wizard: Wizard) -> None:
    answer = wizard.upload("supplier", b"  \n")
    assert answer.status_code == 422
    assert "The file is empty" in text(answer)


def test_a_bomb_is_named_before_it_is_unpacked(wizard: Wizard) -> None:
    assert "is larger than" in text(wizard.upload("supplier", bomb(), "file.xlsx"))


def test_faults_are_told_by_cell_and_good_rows_go_in(wizard: Wizard) -> None:
    rows = [
        "Alpha,a@example.com,DE,7",
        ",b@example.com,DE,7",
        "Gamma,no address,DE,7",
        "Delta,,Atlantis,soon",
        "Epsilon,,FR,-1",
    ]
    wizard.upload("supplier", HEAD + "\n".join(rows) + "\n")
    tried = text(wizard.check())
    assert "Name: This is required." in tried
    assert "E-mail does not have the right form." in tried
    assert "is not a whole number" in tried
    assert "must not be negative" in tried
    run = wizard.run()
    assert (run.created, run.refused) == (1, 4)


def test_cells_of_a_workbook_are_read_as_they_are_meant(wizard: Wizard) -> None:
    content = workbook(("name", "lead_time_days", "tax_id"), ("Alpha", 7.0, "=1+1"), ("Beta", 2.5, "'=1+1"))
    wizard.upload("supplier", content, "book.xlsx")
    assert "is not a whole number" in text(wizard.check())
    assert (wizard.run().created, wizard.run().refused) == (1, 1)
