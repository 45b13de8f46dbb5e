"""Restore drills: the proof that a backup brings everything back, and how long it takes."""
