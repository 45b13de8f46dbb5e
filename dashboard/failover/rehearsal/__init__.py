"""Rehearsals: a failover tried on throw-away copies of the live cluster, measured step by step."""
