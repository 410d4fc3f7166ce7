"""The service under load, beside simpler services."""
