"""Side by side with peers: the same scenario on one chain, from their published bytecode."""
