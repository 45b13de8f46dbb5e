"""Rehearses a plan: its steps are run on a restored copy of the largest tenants, and measured."""
