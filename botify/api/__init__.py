"""HTTP: routes, errors as JSON, and the documentation of both."""
