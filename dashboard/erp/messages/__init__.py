"""Messages exchanged with suppliers."""
