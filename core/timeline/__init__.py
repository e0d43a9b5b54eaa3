"""The touchpoint catalogue and the timeline of customers and units."""
