"""Seal and open, wrap and unwrap, prove and recover.

- `ids`, `merkle`: names, derived as the contracts derive them.
- `keys`, `keyfile`: an account's encryption keys, and the secret behind a record.
- `hpke`, `documents`, `quote`: wrapping for a reader, and what is wrapped.
- `sealing`, `envelope`, `manifest`, `stream`: sealed records (docs/envelope-v1.md).
- `sale`, `table`: the point-locked sale (docs/sale-v1.md).
- `at_rest`: what waits or is cached on a disk of this machine.
- `workers`: processes that share a long computation.
- `curve`, `cbor`: the doors to coincurve and dag_cbor.

Only this room imports cryptography and coincurve.
"""
