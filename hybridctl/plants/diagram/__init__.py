"""Block diagrams: plants, transfer functions, functions and sampled blocks, wired."""
