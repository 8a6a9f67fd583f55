"""`python -m fitwell` is `fitwell`; it is what torchrun starts."""

from fitwell.cli import main

if __name__ == "__main__":
    main()
