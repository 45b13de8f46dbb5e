"""Growth: large tables of a tenant in partitions by month, old row history in files. See docs/growth.md."""
