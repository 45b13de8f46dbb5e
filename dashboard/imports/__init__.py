"""Import of CSV and XLSX files: mapped, tried first, loaded as one unit, taken back as one."""

from dashboard.imports import models  # noqa: F401  # the tables belong to every tenant
