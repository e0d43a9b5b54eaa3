"""Contractors: who built what, and who answers for which trade in which building."""
