"""Organizations of a tenant and the people in them."""
