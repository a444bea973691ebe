"""Entry point of `python -m atombench`, which is equivalent to the `atombench` command."""

from atombench.cli import main

main()
