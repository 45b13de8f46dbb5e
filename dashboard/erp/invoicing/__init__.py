"""Invoices of suppliers, matched three ways: ordered, received, invoiced."""
