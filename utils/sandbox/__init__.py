"""Somebody's file: taken apart, run in a child process under limits, many at once."""
