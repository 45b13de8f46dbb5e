"""Sealed bids: prices that nobody can read before the opening."""
