-- What one schema consists of, in the order in which it is hashed.
SELECT clean.kind, clean.name, clean.body FROM clean
ORDER BY clean.kind COLLATE "C", clean.name COLLATE "C", clean.body COLLATE "C"
