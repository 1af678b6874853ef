"""`python -m plugin` is the stockbell command."""

from plugin.cli import main

main()
