"""Tests of the comparison sheet."""
