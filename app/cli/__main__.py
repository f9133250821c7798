"""`python -m app.cli`: the same as `watchkeeper`."""

from app.cli import main

main()
