"""What the shop's owner sees: figures of the event log, and what a visitor would be shown."""
