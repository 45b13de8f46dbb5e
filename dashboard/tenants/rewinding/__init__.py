"""The tenant time machine: one tenant as it was at a moment, beside the live one, compared and swapped."""
