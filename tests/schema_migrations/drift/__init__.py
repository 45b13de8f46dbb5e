"""Fingerprints of schemas, groups of them, and what differs."""
