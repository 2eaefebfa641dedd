"""The gateway: what a hospital's systems send becomes records (docs/gateway.md)."""
