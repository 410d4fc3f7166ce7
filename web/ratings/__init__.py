"""What people rate, skip and do not want; their own pages, imports and exports."""
