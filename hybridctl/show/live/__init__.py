"""A page in which controllers run, and can be pushed."""
