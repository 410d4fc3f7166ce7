"""Lists that are exported to the service: made, resumed, written."""
