"""Reading files that others write; temporary directories."""
