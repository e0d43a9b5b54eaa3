"""Django's admin over the benchmark's rows, written as its documentation says."""
