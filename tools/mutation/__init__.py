"""The parts of tools/mutants.py: what to change, what a change reaches, whether a test notices."""
