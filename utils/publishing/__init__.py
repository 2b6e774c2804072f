"""The book, and the course in the browser."""
