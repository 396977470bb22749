"""Comparisons as one HTML file for people."""
