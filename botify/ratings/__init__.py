"""The ratings face: items for a user with predicted ratings, from a publication of factors."""
