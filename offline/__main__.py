"""`python -m offline` is `botify-offline`."""

from offline.cli import main

if __name__ == "__main__":
    main()
