"""Physical networks: components that share efforts and flows."""
