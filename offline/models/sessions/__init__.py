"""Models of what is looked at together, and of what follows what, in visitors' sessions."""
