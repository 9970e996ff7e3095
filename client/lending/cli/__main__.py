"""`python -m lending.cli`."""

from lending.cli import main

main()
