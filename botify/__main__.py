"""`python -m botify` is `botify`."""

from botify.cli import main

if __name__ == "__main__":
    main()
