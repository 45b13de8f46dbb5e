"""Restores to scratch servers."""
