"""Restores to a scratch server: at a time, at a restore point or the latest, to look into or to prove."""
