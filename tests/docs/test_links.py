"""What the documents point at exists: files, headings and make targets."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def names(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(document: Path) -> set[str]:
    """The fragment of each heading, as GitHub makes it."""
    headings = re.findall(r"^#+ +(.+)$", document.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=names)
def test_links_inside_the_project_lead_somewhere(document: Path) -> None:
    broken = []
    for target in LINK.findall(document.read_text()):
        address, _, fragment = target.partition("#")
        if "://" in address or address.startswith("mailto:"):
            continue
        pointed_at = document.parent / address if address else document
        if not pointed_at.exists() or (fragment and fragment not in anchors(pointed_at)):
            broken.append(target)

    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=names)
def test_make_targets_named_in_documents_exist(document: Path) -> None:
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(), flags=re.MULTILINE))

    assert named <= make_targets()


def test_decision_records_are_numbered_without_a_gap_and_complete() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))

    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for number, record in enumerate(records, start=1):
        text = record.read_text()
        assert text.startswith(f"# {number}. "), names(record)
        for part in ("Context", "Decision", "Consequence", "What would change our mind"):
            assert f"**{part}.**" in text, f"{names(record)} lacks {part!r}"


def test_every_library_of_the_project_is_accounted_for() -> None:
    """A new dependency comes with its reason: a row, or a word, in the record of libraries."""
    project = (ROOT / "pyproject.toml").read_text()
    described = (ROOT / "docs" / "decisions" / "0002-libraries.md").read_text().lower()
    requirements = set(re.findall(r'"([a-z][a-z0-9-]*)(?:\[[a-z]+\])?[<>=]', project))

    assert {name for name in requirements if name not in described} == set()
