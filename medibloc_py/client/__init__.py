"""The library's front door: one object that connects everything and acts for one account.

    from medibloc_py import Client, load_settings

    client = Client.connect(load_settings(network="local")).acting_as("alice", password)
    client.set_consent("HMB+NCU", expires_at=...)
    client.grant(record, reader, "TREATMENT", expires_at=...)

Every method is one verb of `medibloc_py.flows` or of a service, with purposes read
from their names. What a method can raise is documented where it forwards to.
"""

from medibloc_py.client.client import Client
from medibloc_py.client.connecting import connect, find_deployment, open_store
from medibloc_py.client.words import read_request, read_terms

__all__ = ["Client", "connect", "find_deployment", "open_store", "read_request", "read_terms"]
