"""An event log of the shop, replayed in order of time through the code that answers requests."""
