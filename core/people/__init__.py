"""Departments, users, roles and permissions, and how people sign in."""
