"""The benchmark: our lists beside stock Flask-Admin on the same rows, in one run on real servers."""
