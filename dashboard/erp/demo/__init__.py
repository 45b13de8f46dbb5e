"""Demo data: deterministic, sized by profile, with a truth that tests and people can check.

Everything is made as of one fixed day and hashed per table, except for the live records (live.py): their days
count from the moment of loading. They are requests open now, orders to approve and receive, today's rates.
"""
