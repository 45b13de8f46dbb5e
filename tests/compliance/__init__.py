"""Tests of promises, their evidence and their reports."""
