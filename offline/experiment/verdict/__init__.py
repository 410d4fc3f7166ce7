"""The verdict on each treatment, in words."""
