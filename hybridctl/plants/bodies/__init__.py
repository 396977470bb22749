"""Rigid bodies on tracks and hinges, told by their energies."""
