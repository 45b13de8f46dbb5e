"""Tests of change sets."""
