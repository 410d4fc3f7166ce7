"""Items and their tags: search, pages of items, adding, editing and removing."""
