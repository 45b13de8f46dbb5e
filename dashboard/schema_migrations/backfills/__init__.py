"""Long data changes in batches, each committed with its progress, to go on after anything."""
