"""Targets and budgets: what a KPI should be, for whom and when."""

from dashboard.kpis.targets.queries import find

__all__ = ["find"]
