"""From the two authored files of a question to everything derived, and the proof that the grader is right."""
