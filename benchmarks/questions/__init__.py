"""One script a question; each writes its own file of benchmarks/results."""
