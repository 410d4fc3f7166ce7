"""Tables of any origin: CSV and Parquet."""
