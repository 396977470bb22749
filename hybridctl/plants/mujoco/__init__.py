"""Models in MuJoCo's format, as plants."""
