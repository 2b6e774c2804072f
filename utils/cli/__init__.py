"""The command line, a module for each group of verbs."""

from utils.cli.course import main

__all__ = ["main"]
