"""Learning from a teacher: a start that is not random."""
