"""Personal links and posters: how people without an account reach one page about one record."""
