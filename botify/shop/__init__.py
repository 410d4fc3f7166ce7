"""The shop face: items for a user, by the owner's ids."""
