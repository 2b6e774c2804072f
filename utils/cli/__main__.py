"""`python -m utils.cli`, where the `course` script is not on the path."""

from utils.cli import main

main()
