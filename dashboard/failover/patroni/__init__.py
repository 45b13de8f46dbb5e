"""Patroni, where it runs the cluster: what its REST API says, and failovers asked of it."""
