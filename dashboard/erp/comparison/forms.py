"""Owns reading what was typed into the sheet: quantities, reasons, and what a preset fills in."""

from collections.abc import Mapping
from decimal import Decimal

from dashboard.core.errors import InvalidInputError
from dashboard.erp.awards.service import Choice, quantity_key, reason_key
from dashboard.erp.comparison.sheet import Cell, Offered, Row, Sheet
from dashboard.erp.purchasing import typed


class SheetTyped(typed.Typed):
    """The sheet's form as a person left it."""

    def quantity(self, row: Row, cell: Cell) -> str:
        """Text of a quantity field."""
        return self.texts.get(quantity_key(row.line.id, cell.bid.quote_line_id), "")

    def quantity_error(self, row: Row, cell: Cell) -> str:
        """What is wrong with a quantity."""
        return self.errors.get(quantity_key(row.line.id, cell.bid.quote_line_id), "")

    def reason(self, row: Row) -> str:
        """Text of a line's reason."""
        return self.texts.get(reason_key(row.line.id), "")

    def reason_error(self, row: Row) -> str:
        """What is wrong with a line's reason."""
        return self.errors.get(reason_key(row.line.id), "")


def read_typed(form: Mapping[str, str]) -> SheetTyped:
    """Keep what was typed into the sheet."""
    return SheetTyped(typed.read_typed(form).texts)


def read_choices(sheet: Sheet, typed_: SheetTyped) -> list[Choice]:
    """The quantities typed for the sheet's bids; what is no number becomes an error of its field."""
    choices = []
    for row in sheet.rows:
        reason = typed_.reason(row) or typed_.texts.get("reason", "")
        for cell in row.cells:
            if cell is None or not (text := typed_.quantity(row, cell)):
                continue
            try:
                quantity = typed.read_quantity(text)
            except InvalidInputError as error:
                typed_.errors[quantity_key(row.line.id, cell.bid.quote_line_id)] = error.message
                continue
            choices.append(Choice(row.line.id, cell.bid.quote_line_id, quantity, reason))
    return choices


def fill(sheet: Sheet, typed_: SheetTyped, preset: str) -> None:
    """Fill quantities in: `best` gives each line to its lowest landed cost, `quote-5` all to that quote."""
    for row in sheet.rows:
        chosen = _chosen(sheet, row, preset)
        for cell in row.cells:
            if cell is not None:
                key = quantity_key(row.line.id, cell.bid.quote_line_id)
                typed_.texts[key] = _whole(row, cell) if cell is chosen else ""


def _chosen(sheet: Sheet, row: Row, preset: str) -> Cell | None:
    pairs = [
        (offer, cell)
        for offer, cell in zip(sheet.offers, row.cells, strict=True)
        if cell and cell.bid.offered is Offered.PRICED
    ]
    if preset == "best":
        valid = [cell for offer, cell in pairs if not offer.is_lapsed and cell.landed is not None]
        return min(valid, key=lambda cell: cell.landed or Decimal(0), default=None)
    return next((cell for offer, cell in pairs if preset == f"quote-{offer.quote_id}"), None)


def _whole(row: Row, cell: Cell) -> str:
    return f"{min(row.line.quantity, cell.bid.quantity).normalize():f}"
