"""A generated shop: its items, and visitors who view, put into the cart and buy."""
