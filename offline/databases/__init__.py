"""SQL databases to read from and to load into: PostgreSQL, and files of DuckDB and SQLite."""
