"""What is measured of hybridctl: `python -m benchmarks.questions.speed`, say."""
