"""Several models on the same data: one table, tests between them, a page."""
