"""The results as a page, as text and as JSON."""
