"""Demo data: deterministic, sized by profile, with a truth that tests and people can check."""
