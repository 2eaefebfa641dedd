"""From a listener into the spool: nothing is raised, and nothing told before it is durable."""

from __future__ import annotations

from medibloc_py.errors import InstanceMismatched, MediBlocError
from medibloc_py.flows.gateway.spool import Spool
from medibloc_py.imaging.instance import Instance, read_instance
from medibloc_py.pacs.intake import SUCCESS, Announced, Note, Receive, Received, failure_of


def receiver(spool: Spool, note: Note) -> Receive:
    """What listeners hand instances to.

    Args:
        spool: where they go.
        note: told of each that was not taken.
    """

    def receive(file: bytes, announced: Announced) -> Received:
        uids = announced.sop_class, announced.sop_instance
        try:
            instance = read_instance(file)
            uids = instance.sop_class, instance.sop_instance
            _compare(instance, announced)
            spool.take(file, instance)
        except MediBlocError as error:
            note("instance not taken", error=type(error).__name__, reason=str(error))
            return Received(*uids, failure_of(error))
        except Exception as error:  # its words could quote the file
            note("instance not taken", error=type(error).__name__, reason="a defect of MediBloc")
            return Received(*uids, failure_of(None))
        return Received(*uids, SUCCESS)

    return receive


def _compare(instance: Instance, announced: Announced) -> None:
    pairs = {
        "SOP Class UID": (announced.sop_class, instance.sop_class),
        "SOP Instance UID": (announced.sop_instance, instance.sop_instance),
        "Study Instance UID": (announced.study, instance.study),
    }
    for attribute, (said, found) in pairs.items():
        if said and said != found:
            raise InstanceMismatched(attribute=attribute)
