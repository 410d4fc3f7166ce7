"""The site: people sign in, rate items, and see recommendations and why they get them."""
