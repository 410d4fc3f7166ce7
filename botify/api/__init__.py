"""HTTP: routes, their documentation, errors."""
