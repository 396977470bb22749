"""The environment as Gymnasium expects it, one and many."""
