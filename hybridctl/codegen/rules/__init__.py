"""What each primitive of a jaxpr becomes in the graph."""
