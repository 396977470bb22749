"""What the questions share."""
