"""List files: read, checked, and loaded into Redis."""
