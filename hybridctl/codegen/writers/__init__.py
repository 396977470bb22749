"""The graph as text: one writer a language."""
