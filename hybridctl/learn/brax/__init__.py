"""Brax: its trainers, its networks, its checkpoints."""
