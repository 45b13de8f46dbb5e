"""Replication: each expected standby by name, how far it is behind and whether it is there at all."""
