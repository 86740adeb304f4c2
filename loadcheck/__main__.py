"""`python -m loadcheck`."""

from loadcheck.cli import main

main()
