"""The smallest perturbation that breaks a controller."""
