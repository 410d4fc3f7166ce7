"""Rows of recommendations: recommenders, similarity matrices, reasons, quality."""
