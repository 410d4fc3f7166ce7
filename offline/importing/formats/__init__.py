"""The formats that come with the program; each is in the entry-point group `botify.datasets`."""
