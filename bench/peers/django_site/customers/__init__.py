"""Customers in Django's admin."""
