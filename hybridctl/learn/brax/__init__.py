"""Brax: its trainers, its networks, its checkpoints."""

import hybridctl.learn.brax.compat  # noqa: F401  (before anything of brax)
