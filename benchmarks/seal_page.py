"""The figures of `seal.py` as tables of docs/benchmarks.md, with their goals."""

from __future__ import annotations

from typing import Any, NamedTuple


class Goal(NamedTuple):
    """A figure, what it must reach, and what it says."""

    figure: str
    least: float
    most: float
    says: str

    def met(self, figures: dict[str, Any]) -> bool:
        """Whether the figure lies where it must."""
        return self.least <= figures[self.figure] <= self.most

    def limit(self) -> str:
        """What must be reached, in words."""
        return f"at least {self.least:g}" if self.least else f"at most {self.most:g}"


ANY = float("inf")
GOALS = (
    Goal("seal_over_ceiling", 0.90, ANY, "sealing, over reading and AES-256-GCM alone, one core"),
    Goal(
        "seal_cid_over_ceiling",
        0.85,
        ANY,
        "sealing and CID, over reading, AES-256-GCM and SHA-256 alone, one core",
    ),
    Goal("two_cores_over_one", 1.6, ANY, "sealing and CID on two cores, over one"),
    Goal(
        "small_files_over_one_file",
        0.7,
        ANY,
        "sealing and CID of files of 200 kB, over one file of as many bytes, one core",
    ),
    Goal("frame_over_whole", 50, ANY, "one frame of 512 KiB of a record of 1 GiB, over all of it"),
    Goal("peak_rss_mb", 0, 60, "peak memory, MB, of a process that seals 100 MB or 8 GiB"),
)
WORKS = {
    "read_cipher": "ceiling: reading, AES-256-GCM",
    "seal": "sealing",
    "read_cipher_sha256": "ceiling: reading, AES-256-GCM, SHA-256",
    "seal_cid": "sealing and CID",
    "seal_cid_two_cores": "sealing and CID, two cores",
    "small_seal": "sealing, files of 200 kB",
    "small_seal_cid": "sealing and CID, files of 200 kB",
}
PEERS = {
    "age": "age (Go), ChaCha20-Poly1305",
    "pyrage": "pyrage (Rust), ChaCha20-Poly1305",
    "tink": "Tink streaming AEAD, AES-256-GCM",
    "pynacl": "PyNaCl secretstream, XChaCha20-Poly1305",
}


def table(figures: dict[str, Any]) -> str:
    """The tables, with what they were measured on."""
    versions = figures["versions"]
    return "\n".join(
        [
            f"{figures['file_bytes']:,} bytes in one file and in {figures['small_files']:,}, the"
            f" best of {figures['rounds']} rounds (frames: {figures['frame_rounds']}). AES by the"
            f" {versions['cipher']} inside cryptography {versions['cryptography']},"
            f" SHA-256 by the {versions['sha256']} of Python {versions['python']}.",
            "",
            "| figure | what it says | goal | best | median | |",
            "|---|---|---:|---:|---:|---|",
            *(_goal(goal, figures) for goal in GOALS),
            "",
            "| work | MB/s |",
            "|---|---:|",
            *(f"| {says} | {figures['mb_per_s'][name]:,} |" for name, says in WORKS.items()),
            "",
            "| peer, one core | version | MB/s | sealing over it | sealing and CID over it |",
            "|---|---|---:|---:|---:|",
            *(_peer(says, figures["peers"][name]) for name, says in PEERS.items()),
        ]
    )


def _goal(goal: Goal, figures: dict[str, Any]) -> str:
    met = "met" if goal.met(figures) else "missed"
    found = f"{figures[goal.figure]:,g}"
    median = figures["medians"].get(goal.figure)
    middle = "" if median is None else f"{median:,g}"
    return f"| `{goal.figure}` | {goal.says} | {goal.limit()} | {found} | {middle} | {met} |"


def _peer(says: str, took: dict[str, Any]) -> str:
    if "missing" in took:
        return f"| {says} | missing: {took['missing']} | | | |"
    figures = " | ".join(
        (f"{took['mb_per_s']:,}", f"{took['seal_over_it']:g}", f"{took['seal_cid_over_it']:g}")
    )
    return f"| {says} | {took['version']} | {figures} |"
