"""Seal and open, wrap and unwrap, prove and recover.

`ids` and `merkle` name things as the contracts do, `keys` holds who can read,
`hpke` wraps for them, `envelope` seals records, `documents` are the payloads that
are wrapped, `sale` is the point-locked sale. Only this room imports
cryptography and coincurve. docs/envelope-v1.md and docs/sale-v1.md are the formats.
"""
