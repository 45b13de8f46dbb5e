"""Suppliers to compare, and a browser of someone who may change them."""

from tests.records.conftest import make, staff, stored
from tests.search.conftest import statements

__all__ = ["make", "staff", "statements", "stored"]
