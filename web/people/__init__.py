"""Accounts: signing in, roles, one's own data and its removal."""
