"""Approvals in ordered and parallel steps, by role or person and by amount."""
