"""Matrices of the nearest users and items, for a site that recommends by neighbours."""
