"""Versions of definitions: with which parameters a KPI is computed, since when, why, and for whom."""

from dashboard.kpis.versions.queries import display_currency, terms

__all__ = ["display_currency", "terms"]
