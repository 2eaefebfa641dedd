"""What contract tests say in one line: what reverts, what happens, when, for which dataset."""
