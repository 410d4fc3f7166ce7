"""A scraper of a shop's public pages that asks politely and hides nothing."""
