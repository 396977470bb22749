"""Policies of stable-baselines3, read without torch."""
