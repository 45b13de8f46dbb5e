"""Purchase orders and what was received on them."""
