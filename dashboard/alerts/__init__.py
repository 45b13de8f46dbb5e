"""Alert rules and their states: ok, pending, firing."""
