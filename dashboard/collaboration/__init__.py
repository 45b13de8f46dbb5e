"""What people say about records and owe each other: comments, activities, notifications."""

from dashboard.collaboration import models  # noqa: F401  # the tables belong to every tenant
