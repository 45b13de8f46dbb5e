"""Products, their categories and units."""
