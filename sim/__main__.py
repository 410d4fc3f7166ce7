"""`python -m sim` is `botify-sim`."""

from sim.cli import main

if __name__ == "__main__":
    main()
