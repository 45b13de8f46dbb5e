"""Copies beside the base backups: off-site, logical dumps, uploaded files, the broker's file."""
