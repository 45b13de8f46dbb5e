"""Looks at the WAL in Barman's repository every ten seconds, without calling Barman."""
