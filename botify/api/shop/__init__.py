"""The routes of the shop face."""
