"""Change sets: many row changes that belong together and can be taken back together."""

from dashboard.changes import models  # noqa: F401  # the tables belong to every tenant
