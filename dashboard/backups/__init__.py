"""Backups: the catalogue as Barman knows it, how far back one can restore, and backing up now."""
