"""Several recordings of one call made into one file: what runs in the sandboxed child, and how to run it."""
