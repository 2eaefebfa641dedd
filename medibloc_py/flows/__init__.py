"""Verbs across the edges: publish, grant, list, quote, purchase, open, claim."""
