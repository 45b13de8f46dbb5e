"""Currencies with their decimals, and exchange rates by day."""
