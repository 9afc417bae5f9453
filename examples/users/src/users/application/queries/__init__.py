"""Queries: what only reads. They see read-only units of work."""
