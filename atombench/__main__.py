"""`python -m atombench` is the same as the `atombench` command."""

from atombench.cli import main

main()
