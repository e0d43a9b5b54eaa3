"""What comes before the keys: plan, risk check, readiness, fees by rule, area settlement, notices, appointments."""
