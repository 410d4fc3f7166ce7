"""Files that others write, read with care; and directories of our own."""
