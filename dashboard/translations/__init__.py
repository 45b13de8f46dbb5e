"""Translations of the fields that models mark as translatable."""

from dashboard.translations import models  # noqa: F401  # the tables belong to every tenant
