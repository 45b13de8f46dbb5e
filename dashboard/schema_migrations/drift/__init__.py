"""Compares what the schemas really consist of, by one fingerprint over all their definitions."""
