"""Files on records, on disk and in S3."""
