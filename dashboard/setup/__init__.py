"""Connecting Steward to a cluster that is there already, and checking each address."""
