"""What all routes share: who asks, what they may, how much, pages, links, errors."""
