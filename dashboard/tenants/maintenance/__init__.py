"""Announces maintenance to one tenant or to all, and makes them read-only while it lasts."""
