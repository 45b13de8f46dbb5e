"""Steward: the admin dashboard of a multi-tenant ERP on PostgreSQL."""

__version__ = "0.1.0"
