"""Studies that the gateway asks for: found by C-FIND or QIDO, got by C-MOVE or WADO."""

from __future__ import annotations

from dataclasses import dataclass

from medibloc_py.flows.gateway.receiving import receiver
from medibloc_py.flows.gateway.spool import Spool
from medibloc_py.pacs import DicomPeer, Peer
from medibloc_py.pacs.intake import SUCCESS, Announced, Note
from medibloc_py.pacs.query import move_study
from medibloc_py.pacs.web import retrieve_study


@dataclass(frozen=True, slots=True)
class Pulled:
    """What came of one study that was asked for.

    Attributes:
        taken: instances that are in the spool, or that a peer says the gateway took.
        failed: those that are not.
    """

    taken: int
    failed: int


def pull_study(peer: Peer, study: str, spool: Spool, aet: str, note: Note) -> Pulled:
    """Gets a study into the spool; again is no harm.

    A DICOM peer sends it to the gateway that runs, whose AE title and port it must know; from
    a DICOMweb peer it comes here, whether a gateway runs or not.

    Args:
        peer: who has it.
        study: its Study Instance UID.
        spool: of the gateway.
        aet: the gateway's AE title.
        note: told of each instance that was not taken.

    Raises:
        MediBlocError: as `move_study` and `retrieve_study`; what came before is in the spool.
    """
    if isinstance(peer, DicomPeer):
        moved = move_study(peer, study, aet)
        return Pulled(moved.completed, moved.failed)
    receive = receiver(spool, note)
    taken = failed = 0
    for file in retrieve_study(peer, study):
        if receive(file, Announced(study=study)).status == SUCCESS:
            taken += 1
        else:
            failed += 1
    return Pulled(taken, failed)
