"""Writes and rules of the preparation, a file for each subject; callers import the file: ``plan.make_plan(batch)``."""
