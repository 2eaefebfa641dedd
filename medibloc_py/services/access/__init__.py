"""Access: a patient's grants to readers, and emergencies (`contracts/access/IGrants.sol`)."""

from medibloc_py.services.access.service import AccessService

__all__ = ["AccessService"]
