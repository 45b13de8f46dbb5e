"""The embedded default: lays out and runs the whole product on one machine (dev, demo, tests)."""
