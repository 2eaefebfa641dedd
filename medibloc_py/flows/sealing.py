"""Studies become sealed blobs, each with a draft that a later run can go on from."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from medibloc_py.crypto import envelope, keys
from medibloc_py.crypto.documents import RecordFile
from medibloc_py.errors import BlobMissing
from medibloc_py.flows.deid_receipts import SAID_CLEAN
from medibloc_py.flows.drafts import Draft, Drafts, new_draft
from medibloc_py.flows.opened import open_held
from medibloc_py.flows.parties import Exchange, Identity, Progress
from medibloc_py.flows.scratch import Scratch
from medibloc_py.flows.sources import Content, Source
from medibloc_py.model import Root, StoredBlob

_SALT_BYTES: Final = 32


class Sealing:
    """The sealing of one publication's studies, each with a draft.

    Attributes:
        resumed: how many an earlier run had sealed.
        lost: names of those that it had sealed, and that this store does not have.
    """

    def __init__(
        self, exchange: Exchange, issuer: Identity, drafts: Drafts, progress: Progress
    ) -> None:
        self.resumed = 0
        self.lost: list[str] = []
        self._burned_in: dict[int, tuple[str, ...]] = {}
        self._exchange = exchange
        self._issuer = issuer
        self._drafts = drafts
        self._progress = progress

    def seal_all(self, sources: Sequence[Source], found: dict[int, Draft]) -> list[RecordFile]:
        """The record files of all sources; what an earlier run sealed is taken from it.

        All contents are made before anything is stored: one that is refused stops it all.
        """
        kept = self._kept(sources, found)
        with Scratch(self._issuer.vault.path("scratch").parent) as scratch:
            made = {
                place: self._make(source, scratch, f"{place + 1} of {len(sources)}")
                for place, source in enumerate(sources)
                if place not in kept
            }
            for place, content in made.items():
                metas = [file.meta for file in content.files]
                self._burned_in[place] = unsaid(sources[place], metas)
            for place, draft in found.items():
                if place not in kept:
                    self._drafts.let_go(self._exchange.store, place, draft)
            return [
                kept.get(place) or self._seal(place, source, made[place], len(sources))
                for place, source in enumerate(sources)
            ]

    @property
    def burned_in(self) -> tuple[str, ...]:
        """The files of which nobody says that their pixels show nobody, as called here."""
        return tuple(name for _, names in sorted(self._burned_in.items()) for name in names)

    def _kept(self, sources: Sequence[Source], found: dict[int, Draft]) -> dict[int, RecordFile]:
        """The record files of what an earlier run sealed, where all of it is as it was."""
        kept = {}
        for place, draft in found.items():
            source = sources[place]
            if draft.edition != source.edition:
                continue
            if draft.lasts(self._exchange.store):
                size, step = source.size_bytes, f"seal study {place + 1} of {len(sources)}"
                self._progress(f"{step}: kept from an earlier run", size, size)
                kept[place] = replace(draft.file, label=source.label)
                self._burned_in[place] = unsaid_in(self._exchange, self._issuer, source, draft.file)
                self.resumed += 1
            elif draft.kept:
                self.lost.append(source.name)
        return kept

    def _make(self, source: Source, scratch: Scratch, which: str) -> Content:
        done = 0

        def made(size_bytes: int) -> None:
            nonlocal done
            done += size_bytes
            self._progress(f"prepare study {which}", done, source.size_bytes)

        return source.make(self._exchange, scratch, made)

    def _seal(self, place: int, source: Source, content: Content, count: int) -> RecordFile:
        salt = secrets.token_bytes(_SALT_BYTES)
        seed = secrets.token_bytes(_SALT_BYTES)
        scalar = keys.record_scalar(self._issuer.keys.root_secret, seed)
        content_key = keys.cek(keys.record_point(scalar), salt)

        def draft_of(blob: StoredBlob) -> Draft:
            record = RecordFile(
                salt=salt,
                cid=blob.cid,
                size_bytes=blob.size_bytes,
                kind=source.kind,
                patient=source.patient,
                issuer=self._issuer.address,
                key_commitment=keys.key_commitment(keys.commitment_point(scalar), salt),
                root=Root(bytes(32)),
                proof=(),
                label=source.label,
                r=seed,
            )
            return new_draft(self._exchange, source.name, source.edition, record)

        buffers = envelope.seal_record(content.files, content_key, salt, source.kind, content.meta)
        step, size = f"seal study {place + 1} of {count}", sum(f.size_bytes for f in content.files)
        blob = self._exchange.store.put(
            _counted(buffers, step, size, self._progress),
            announce=lambda blob: self._drafts.write(place, draft_of(blob)),
        )
        draft = replace(draft_of(blob), kept=True)
        self._drafts.write(place, draft)
        return draft.file


def _counted(
    buffers: Iterator[memoryview], step: str, total: int, progress: Progress
) -> Iterator[memoryview]:
    done = 0
    for buffer in buffers:
        yield buffer
        done += len(buffer)
        progress(step, min(done, total), total)
    progress(step, total, total)


def unsaid(source: Source, metas: Sequence[Mapping[str, str | int]]) -> tuple[str, ...]:
    """The files of a source of which nobody says that their pixels show nobody."""
    pairs = zip(source.files, metas, strict=True)
    return tuple(name for name, meta in pairs if meta.get(SAID_CLEAN) == 0)


def unsaid_in(
    exchange: Exchange, issuer: Identity, source: Source, record: RecordFile
) -> tuple[str, ...]:
    """The same, as the record tells that an earlier run made of it."""
    try:
        opened = open_held(exchange, issuer, record)
    except BlobMissing:  # the store lost it since
        return ()
    return unsaid(source, [file.meta for file in opened.manifest.files])
