"""`python -m hybridctl.cli`, and where there is no script."""

from hybridctl.cli.main import main

main()
