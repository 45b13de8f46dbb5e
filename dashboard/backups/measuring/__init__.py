"""The job that measures what would be lost."""
