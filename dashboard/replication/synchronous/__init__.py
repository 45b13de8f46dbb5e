"""The synchronous copy: wanted or not, given up when commits are frozen, and what that cost."""
