"""Awards: which bid gets how much of a line, and why."""
