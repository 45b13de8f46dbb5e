"""Texts of records in other languages."""
