"""Owns what the areas of KPIs are called, in the order people read them."""

from collections.abc import Mapping

from dashboard.kpis.registry import Area

AREAS: Mapping[Area, str] = {
    "suppliers": "Suppliers",
    "market": "Market",
    "sourcing": "Sourcing",
    "stock": "Stock",
    "sales": "Sales",
}
