"""Runs a plan on a scratch restore of the newest backup and reports time and locks."""
