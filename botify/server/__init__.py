"""The processes of the service: the parent, and the workers it starts."""
