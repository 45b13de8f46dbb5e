"""The jobs that make, prove and remove dumps and the copies of files and broker."""
