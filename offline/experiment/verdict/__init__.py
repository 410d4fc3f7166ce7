"""The decision on each treatment, in words."""
