"""The peers: applications written as the documentation of their framework says."""

SQLITE_SETTINGS = {"journal_mode": "WAL", "synchronous": "FULL", "foreign_keys": "ON", "cache_size": "-32000"}
"""The settings that Doorstep gives its connections (core/database/connections.py), so that only the products differ.

Neither framework sets a cache size by itself; with SQLite's default of 2 MB each count takes 8 ms longer in Django's
admin (which counts twice a page) and 25 ms longer in Flask-Admin.
"""
