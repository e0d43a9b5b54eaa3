"""Work in the background. Its state lives in our database; the queue engine carries the ring of the bell only."""
