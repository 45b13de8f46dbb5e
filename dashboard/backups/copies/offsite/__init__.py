"""The off-site copy: Barman's repository again in another place, file by file, each by its SHA-256."""
