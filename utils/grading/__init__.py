"""What an exercise is, and how an answer is judged: run, compare, recognise, report, note.

Nothing here reads a learner's file; `sandbox` does.
"""
