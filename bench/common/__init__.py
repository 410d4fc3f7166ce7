"""What several suites use: kept results, processes, memory, tables."""
