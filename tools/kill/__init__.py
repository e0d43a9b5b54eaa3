"""Killing workers at random points, and comparing what they leave with a run that nobody disturbed."""
