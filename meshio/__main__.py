"""`python -m meshio`: the command line."""

from meshio.cli.main import main

if __name__ == "__main__":
    main()
