"""The documents speak of what is there: links, names, tests, tables, and of no machine."""

import re
from pathlib import Path

import pytest

from medibloc_py import errors, purpose
from medibloc_py.errors import MediBlocError

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "contracts").rglob("*.md")),
    *sorted((ROOT / "requirements").rglob("*.md")),
    *sorted((ROOT / "web").rglob("*.md")),
]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
# The machine of whoever wrote it, and the hosts that packages came from.
FORBIDDEN = re.compile(
    r"/(?:home|Users|root|work|tmp)/|\bpypi\.org\b|\bpythonhosted\b|\bnpmjs\b|\bproxy\.golang\b"
    r"|\bregistry\.[a-z]|\b(?:10|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2,3}\b",
    re.IGNORECASE,
)
CODE_NAME = re.compile(r"`(?:[\w.]+\.)?([A-Z][a-z0-9]+(?:[A-Z][a-zA-Z0-9]*)+)(?:\([^`]*\))?`")
TEST_NAME = re.compile(r"\b((?:test|testFuzz|invariant)_\w+)\b")
# What others named.
FOREIGN = {"MerkleProof", "MediBloc", "StandardMerkleTree"}


def name_of(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def source(*patterns: str) -> str:
    """All code that names are looked up in."""
    files = (file for pattern in patterns for file in sorted(ROOT.glob(pattern)))
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


WORD = re.compile(r"\w+")
CODE_WORDS = set(
    WORD.findall(source("contracts/**/*.sol", "medibloc_py/**/*.py", "scripts/*.py", "web/**/*.js"))
)
TEST_FILES = {file.stem for file in (ROOT / "tests").rglob("test_*.py")}
TESTS = set(re.findall(r"\b(?:def|function) (\w+)\b", source("tests/**/*.py", "tests/**/*.sol")))


def slug(heading: str) -> str:
    """The anchor that code forges give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def rows(text: str, heading: str) -> list[list[str]]:
    """Cells of the first table below a heading, without its two head rows."""
    below = text.split(f"# {heading}\n", 1)[1]
    table = re.search(r"^\|.*?(?=\n\n|\Z)", below, re.MULTILINE | re.DOTALL)
    assert table, heading
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    for link in LINK.findall(document.read_text(encoding="utf-8")):
        if link.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{link} leads nowhere"
        assert target.is_relative_to(ROOT), f"{link} leads out of the house"
        if anchor:
            headings = HEADING.findall(target.read_text(encoding="utf-8"))
            assert anchor in map(slug, headings), f"{link} has no such heading"


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, *sorted((ROOT / "benchmarks").glob("*.json"))], ids=name_of
)
def test_no_machine_and_no_registry_is_named(document: Path) -> None:
    assert FORBIDDEN.findall(document.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_names_are_those_of_the_code(document: Path) -> None:
    """A contract, class, error or event that was renamed stands nowhere under its old name."""
    named = set(CODE_NAME.findall(document.read_text(encoding="utf-8"))) - FOREIGN
    assert named - CODE_WORDS == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_tests_that_are_named_exist(document: Path) -> None:
    named = set(TEST_NAME.findall(document.read_text(encoding="utf-8")))
    assert named - TEST_FILES - TESTS == set()


def test_the_map_names_folders_that_exist() -> None:
    house = README.split("## Map of the house", 1)[1].split("```")[1]
    top = ""
    for line in house.splitlines()[1:]:
        folder = line.split()[0]
        top = top if line.startswith(" ") else folder
        path = ROOT / (top if folder == top else top + folder)
        assert path.is_dir(), f"{folder} is not there"


def test_every_room_stands_in_the_architecture() -> None:
    house = ROOT / "medibloc_py"
    modules = {file.stem for file in house.glob("*.py") if not file.stem.startswith("__")}
    packages = {folder.parent.name for folder in house.glob("*/__init__.py")}
    assert {row[0].strip("`") for row in rows(ARCHITECTURE, "Rooms and arrows")} == (
        modules | packages
    )


def test_every_error_stands_under_its_exit_code() -> None:
    told: dict[str, int] = {}
    for code, _, classes in rows(ARCHITECTURE, "Errors and exit codes"):
        names = re.findall(r"`(\w+)`", classes)
        assert told.keys().isdisjoint(names)
        told |= dict.fromkeys(names, int(code))
    grounds = (MediBlocError, *MediBlocError.__subclasses__(), errors.ContractRefusal)
    known = {name: getattr(errors, name) for name in errors.__all__}
    assert told == {n: each.exit_code for n, each in known.items() if each not in grounds}


@pytest.mark.parametrize(
    ("heading", "names"), [("Terms", purpose.TERM_NAMES), ("Requests", purpose.REQUEST_NAMES)]
)
def test_the_words_are_those_of_the_code(heading: str, names: dict[str, int]) -> None:
    told = {name.strip("`"): 1 << int(bit) for bit, name, *_ in rows(ARCHITECTURE, heading)}
    assert told == names


def test_vouched_evidence_is_marked() -> None:
    marked = [name.strip("`") for _, name, says in rows(ARCHITECTURE, "Requests") if "**" in says]
    assert sum(purpose.REQUEST_NAMES[name] for name in marked) == purpose.VOUCHED


def test_the_index_of_decisions_is_complete() -> None:
    folder = ROOT / "docs" / "adr"
    index = (folder / "README.md").read_text(encoding="utf-8")
    listed = {link for link in LINK.findall(index) if link[0].isdigit()}
    assert listed == {page.name for page in folder.glob("[0-9]*.md")}
    for page in sorted(folder.glob("[0-9]*.md")):
        title = page.read_text(encoding="utf-8").splitlines()[0]
        number, name = title.removeprefix("# ").split(". ", 1)
        assert page.name.startswith(f"{int(number):04}-")
        assert f"| {name} |" in index
