"""Owns stock documents: adjustments and transfers, written as moves. Callers commit."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.core.errors import InvalidInputError
from dashboard.erp.catalog.models import Product
from dashboard.erp.inventory.models import MoveSource, StockBalance, StockMove, Warehouse

GONE = "This record does not exist any more."


@dataclass(frozen=True)
class Place:
    """A product in a warehouse of the same organization."""

    product: Product
    warehouse: Warehouse


def adjust(
    session: Session,
    *,
    product_id: int | None,
    warehouse_id: int | None,
    quantity: Decimal,
    reason: str,
    unit_cost: Decimal | None = None,
) -> StockMove:
    """Put a quantity in (+) or take it out (negative). What comes in without a cost comes at the average.

    Raises InvalidInputError with a message per field, also where less is there than is taken.
    """
    problems = {"quantity": "Enter how much more or less is there."} if not quantity else {}
    problems |= {} if reason else {"reason": "Say why the stock is changed."}
    place = _place(session, product_id, warehouse_id, problems)
    if place is None or problems:
        raise InvalidInputError("Nothing was booked yet: please correct the marked fields.", fields=problems)
    balance = _lock(session, place.product, [place.warehouse]).get(place.warehouse.id)
    if quantity < 0:
        _check_enough(place, balance, -quantity)
    cost = unit_cost if unit_cost is not None else _cost(balance, place.product)
    return _move(session, place, quantity, cost, MoveSource.ADJUSTMENT, reason)


def transfer(
    session: Session,
    *,
    product_id: int | None,
    source_id: int | None,
    target_id: int | None,
    quantity: Decimal,
    reason: str,
) -> tuple[StockMove, StockMove]:
    """Move a quantity between two warehouses at its average cost: one move out, one in.

    Raises InvalidInputError with a message per field, also where less is there than is taken.
    """
    problems = {"quantity": "It must be more than 0."} if quantity <= 0 else {}
    source = _place(session, product_id, source_id, problems, "source_id")
    target = _place(session, product_id, target_id, problems, "target_id")
    if source_id and source_id == target_id:
        problems["target_id"] = "Choose another warehouse than the one it leaves."
    if source is None or target is None or problems:
        raise InvalidInputError("Nothing was booked yet: please correct the marked fields.", fields=problems)
    balances = _lock(session, source.product, [source.warehouse, target.warehouse])
    balance = balances.get(source.warehouse.id)
    _check_enough(source, balance, quantity)
    cost = _cost(balance, source.product)
    words = reason or f"{source.warehouse.code} → {target.warehouse.code}"
    out = _move(session, source, -quantity, cost, MoveSource.TRANSFER, words)
    return out, _move(session, target, quantity, cost, MoveSource.TRANSFER, words)


def _place(
    session: Session,
    product_id: int | None,
    warehouse_id: int | None,
    problems: dict[str, str],
    field: str = "warehouse_id",
) -> Place | None:
    product = session.get(Product, product_id) if product_id else None
    warehouse = session.get(Warehouse, warehouse_id) if warehouse_id else None
    if product is None or product.deleted_at:
        problems["product_id"] = GONE if product_id else "Choose a product."
    if warehouse is None or warehouse.deleted_at:
        problems[field] = GONE if warehouse_id else "Choose a warehouse."
    if product is None or warehouse is None or problems.keys() & {"product_id", field}:
        return None
    if product.org_id != warehouse.org_id:
        problems[field] = "It belongs to another organization than the product."
        return None
    return Place(product, warehouse)


def _lock(session: Session, product: Product, warehouses: Iterable[Warehouse]) -> dict[int, StockBalance]:
    """The balances by warehouse, locked in one order, so that two transfers never wait in a circle."""
    statement = (
        select(StockBalance)
        .where(
            StockBalance.product_id == product.id,
            StockBalance.warehouse_id.in_([warehouse.id for warehouse in warehouses]),
        )
        .order_by(StockBalance.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {balance.warehouse_id: balance for balance in session.scalars(statement)}


def _check_enough(place: Place, balance: StockBalance | None, wanted: Decimal) -> None:
    there = balance.quantity if balance else Decimal(0)
    if there < wanted:
        words = f"Only {there.normalize():f} of {place.product.name} are in {place.warehouse.name}."
        raise InvalidInputError("Nothing was booked: there is not enough stock.", fields={"quantity": words})


def _cost(balance: StockBalance | None, product: Product) -> Decimal:
    return balance.average_cost if balance and balance.quantity else product.standard_cost or Decimal(0)


def _move(
    session: Session, place: Place, quantity: Decimal, cost: Decimal, source: MoveSource, words: str
) -> StockMove:
    move = StockMove(
        org_id=place.product.org_id,
        product_id=place.product.id,
        warehouse_id=place.warehouse.id,
        quantity=quantity,
        unit_cost=cost,
        source=source,
        reference=words,
    )
    session.add(move)
    session.flush()
    return move
