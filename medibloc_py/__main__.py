"""`python -m medibloc_py` is `medibloc`."""

from medibloc_py.cli import main

main()
