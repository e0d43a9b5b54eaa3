"""The audit log: every change, who made it, and the proof that the log is whole."""
