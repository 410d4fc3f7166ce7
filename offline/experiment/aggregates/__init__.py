"""From a log or a table to the small tables that the statistics work on."""
