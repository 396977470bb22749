"""Whom hybridctl is measured beside; these run in an interpreter of their own."""
