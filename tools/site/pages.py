"""Writes the pages of the documentation site, and the configuration that mkdocs builds them by.

    python tools/site/pages.py OUT

Documents of the repository are copied, with their links bent to where the pages are. The error
catalogue and the commands come out of the code, the API reference out of its docstrings.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

from generated import api_pages, command_page, error_page

ROOT = Path(__file__).parents[2]
HOME, INDEX = "index.md", "index-and-audit.md"
"""A site's first page is its `index.md`: the page about the index makes room for the README."""
SECTIONS: dict[str, list[str]] = {
    "Start": [HOME, "changelog.md", "contributing.md", "security.md"],
    "Tutorials": [
        *(f"tutorials/{who}.md" for who in ("patient", "hospital", "researcher", "developer"))
    ],
    "Operations": [
        "operations.md", "incidents.md", "keys.md", "gateway.md", "exchange.md", "pacs.md",
        "fhir.md", INDEX, "replicas.md", "research.md",
    ],
    "Reference": [
        "commands.md", "errors.md", "envelope-v1.md", "sale-v1.md", "ledger-v1.md",
        "deidentification.md",
    ],
    "How it is made": ["architecture.md", "threats.md", "assurance.md", "benchmarks.md"],
}  # fmt: skip
"""Sections and their pages in order. A page that none names comes last in `REST`."""
REST, DECISIONS, API = "How it is made", "Decisions", "Python"
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
"""A link, or a picture without its first mark."""
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def copied() -> dict[str, str]:
    """Documents of the repository, and the page that each becomes."""
    names = {"README.md": HOME, "docs/index.md": INDEX}
    for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY"):
        names[f"{name}.md"] = f"{name.lower()}.md"
    for file in sorted((ROOT / "docs").rglob("*.md")):
        names.setdefault(
            file.relative_to(ROOT).as_posix(), file.relative_to(ROOT / "docs").as_posix()
        )
    return names


def pictures() -> dict[str, str]:
    """Pictures of the repository, and where the site has each."""
    files = sorted((ROOT / "docs" / "recordings").iterdir())
    return {f"docs/recordings/{file.name}": f"recordings/{file.name}" for file in files}


def bent(document: str, names: dict[str, str]) -> str:
    """A document's text with its links as the site has them; of others only the label stays."""
    text = (ROOT / document).read_text(encoding="utf-8")

    def link(found: re.Match[str]) -> str:
        label, target = found.groups()
        if target.startswith(("https://", "mailto:", "#")):
            return found[0]
        path, hash_mark, anchor = target.partition("#")
        place = os.path.normpath(os.path.join(os.path.dirname(document), path))
        if place not in names:
            return label
        here = os.path.dirname(names[document])
        return f"[{label}]({os.path.relpath(names[place], here or '.')}{hash_mark}{anchor})"

    return LINK.sub(link, text)


def title(text: str) -> str:
    """The first heading of a page."""
    found = re.search(r"^# (.+)$", FENCE.sub("", text), re.MULTILINE)
    if found is None:
        raise ValueError(f"a page has no heading: {text[:60]!r}")
    return found[1]


def order(pages: dict[str, str]) -> list[dict[str, object]]:
    """The site's navigation."""
    left = dict.fromkeys(pages)
    sections = {
        name: [page for page in listed if page in left] for name, listed in SECTIONS.items()
    }
    sections[DECISIONS] = [page for page in left if page.startswith("adr/")]
    sections[API] = [page for page in left if page.startswith("api/")]
    for page in (page for listed in sections.values() for page in listed):
        del left[page]
    sections[REST] += left
    ordered = ("Start", "Tutorials", "Operations", "Reference", API, REST, DECISIONS)
    return [{name: [{title(pages[page]): page} for page in sections[name]]} for name in ordered]


def build() -> dict[str, str]:
    """All pages by their names."""
    names = copied()
    places = names | pictures()
    pages = {page: bent(document, places) for document, page in names.items()}
    return pages | {"commands.md": command_page(), "errors.md": error_page()} | api_pages()


def write(out: Path) -> None:
    """Writes the pages into `OUT/pages`, and `OUT/mkdocs.yml`: JSON, which is YAML too."""
    shutil.rmtree(out, ignore_errors=True)
    pages = build()
    for name, text in pages.items():
        file = out / "pages" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "docs" / "recordings", out / "pages" / "recordings")
    settings = {
        "INHERIT": os.path.relpath(Path(__file__).with_name("mkdocs.yml"), out),
        "docs_dir": "pages",
        "site_dir": os.path.relpath(ROOT / "site", out),
        "nav": order(pages),
        # Read as source: nothing of the library runs where the site is built.
        "plugins": {"mkdocstrings": {"handlers": {"python": {"paths": [str(ROOT)]}}}},
    }
    (out / "mkdocs.yml").write_text(json.dumps(settings, indent=1), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
