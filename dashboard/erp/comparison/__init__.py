"""The comparison sheet: what each supplier offers on each line of a request, in one currency."""
