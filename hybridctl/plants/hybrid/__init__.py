"""Plants whose state flows and jumps."""
