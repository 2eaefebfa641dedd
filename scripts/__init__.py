"""Brownie scripts: deploy, grant, purchase. Thin: what they do, `medibloc_py` does."""
