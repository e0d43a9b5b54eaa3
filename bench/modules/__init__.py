"""The long lists of the modules: the same defects, inspections, orders and bookings in every product."""
