"""The peers: applications written as the documentation of their framework says."""

SQLITE_SETTINGS = {"journal_mode": "WAL", "synchronous": "FULL", "foreign_keys": "ON"}
"""What SQLite's and the frameworks' documentation leads to: a write-ahead log, the usual durability, foreign keys.

The page cache stays at SQLite's 2 MB. Doorstep chooses 8 MB for its connections (core/database/connections.py).
"""
