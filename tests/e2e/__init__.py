"""Journeys in a real browser: Debian's chromium against the running app."""
