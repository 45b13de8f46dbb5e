"""Customers and sales orders."""
