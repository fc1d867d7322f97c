"""`python -m dormouse` is the `dormouse` command."""

from dormouse.cli import main

if __name__ == "__main__":
    main()
