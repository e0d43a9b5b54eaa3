"""To-dos: what somebody has to do until when, and on which record."""
