"""Quotes: what suppliers offer on a request."""
