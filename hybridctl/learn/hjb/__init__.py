"""Learning the optimal cost-to-go: the Hamilton-Jacobi-Bellman equation's solution."""
