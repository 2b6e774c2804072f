"""Practice that lasts: what to do next, reviews on time, mock interviews, a deck; all of it by replay of the log."""
