"""Benchmark of Doorstep beside stock Flask-Admin and Django's admin on the same rows."""
