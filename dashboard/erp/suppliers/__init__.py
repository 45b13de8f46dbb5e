"""Suppliers: their page, their scorecard, and finding those entered twice."""
