"""The routes and pages of the ratings face."""
