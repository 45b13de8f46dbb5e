"""What the ERP database stores and how well: tables, indexes, bloat, sequences, age of transactions."""
