"""Tests of stock documents."""
