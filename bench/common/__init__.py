"""Shared by several suites: kept results, processes, memory, tables."""
