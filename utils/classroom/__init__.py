"""A class: submissions graded on a cluster, a gradebook, and what the cohort gets wrong."""
