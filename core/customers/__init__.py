"""Customers, how they may be reached, what they agreed to, and the units they hold."""
