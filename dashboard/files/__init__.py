"""Files on records: private, versioned, checked by content, kept on disk or in any object store."""

from dashboard.files import models  # noqa: F401  # the tables belong to every tenant
