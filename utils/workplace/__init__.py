"""The learner's own files in work/: filled, brought up to date, backed up; never overwritten without a copy."""
