"""`python -m remission`: the command line, where the installed command is not on the path."""

from remission.cli import program

program()
