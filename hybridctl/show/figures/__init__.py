"""One subject a figure."""
