"""Messages to customers and other outsiders: texts, the outbox, and the channels by which they leave the house."""
