"""Warehouses, stock moves and the balance they add up to."""
