"""Every KPI, by area: importing this package fills the registries."""

from dashboard.kpis.definitions import market, sales, sourcing, stock, suppliers

__all__ = ["market", "sales", "sourcing", "stock", "suppliers"]
