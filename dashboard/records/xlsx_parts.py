"""Owns the fixed parts of an XLSX file: what stands around the rows."""

from xml.sax.saxutils import escape, quoteattr

DATE, MOMENT, QUOTED, HEAD = 1, 2, 3, 4
"""Places of the cell styles in STYLES."""
WIDE, NARROW = 28, 14
"""Widths of columns, in characters."""
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
SHEET_END = b"</sheetData></worksheet>"
STYLES = (
    f'{XML}<styleSheet xmlns="{MAIN}">'
    '<numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/>'
    '<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd\\ hh:mm"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="5"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0" quotePrefix="1"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs>'
    "</styleSheet>"
)


def sheet_path(number: int) -> str:
    """Place of a sheet in the file; numbers begin at 1."""
    return f"xl/worksheets/sheet{number}.xml"


def sheet_start(columns: list[tuple[str, bool]]) -> bytes:
    """What comes before the rows: a head that stays in sight."""
    widths = "".join(
        f'<col min="{place}" max="{place}" width="{WIDE if wide else NARROW}" customWidth="1"/>'
        for place, (_, wide) in enumerate(columns, 1)
    )
    head = "".join(f'<c t="str" s="{HEAD}"><v>{escape(label)}</v></c>' for label, _ in columns)
    pane = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
    return (
        f'{XML}<worksheet xmlns="{MAIN}"><sheetViews><sheetView workbookViewId="0">{pane}</sheetView>'
        "</sheetViews>"
        f"<cols>{widths}</cols><sheetData><row>{head}</row>\n"
    ).encode()


def frame(title: str, sheets: int) -> list[tuple[str, str]]:
    """Names and contents of the parts that hold the sheets together."""
    names = [title if number == 1 else f"{title} {number}" for number in range(1, sheets + 1)]
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{number}" r:id="rId{number}"/>'
        for number, name in enumerate(map(_sheet_name, names), 1)
    )
    links = "".join(
        f'<Relationship Id="rId{number}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        for number in range(1, sheets + 1)
    )
    links += f'<Relationship Id="rId{sheets + 1}" Type="{OFFICE}/styles" Target="styles.xml"/>'
    start = f'<Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
    return [
        ("xl/styles.xml", STYLES),
        (
            "xl/workbook.xml",
            f'{XML}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{listed}</sheets></workbook>',
        ),
        ("xl/_rels/workbook.xml.rels", f'{XML}<Relationships xmlns="{RELATIONS}">{links}</Relationships>'),
        ("_rels/.rels", f'{XML}<Relationships xmlns="{RELATIONS}">{start}</Relationships>'),
        ("[Content_Types].xml", _content_types(sheets)),
    ]


def _sheet_name(text: str) -> str:
    """At most 31 characters, without those Excel forbids."""
    plain = "".join(letter for letter in text if letter not in "[]:*?/\\")
    return plain if len(plain) <= 31 else f"{plain[:27]} {plain.rpartition(' ')[2][-3:]}"


def _content_types(sheets: int) -> str:
    kinds = {"/xl/workbook.xml": "sheet.main", "/xl/styles.xml": "styles"}
    kinds |= {f"/{sheet_path(number)}": "worksheet" for number in range(1, sheets + 1)}
    parts = "".join(
        f'<Override PartName="{path}" ContentType="{SHEET_TYPE}.{kind}+xml"/>' for path, kind in kinds.items()
    )
    return (
        f'{XML}<Types xmlns="{TYPES}">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{parts}</Types>'
    )
