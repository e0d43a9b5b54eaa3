"""Time limits on records: clocks that start, rest, stop and escalate, and the calendar of working days."""
