"""Commands, settings, checks and channels are documented as they are."""

from __future__ import annotations

import pytest

from tests.docs.generated import DOCS, SECTIONS, expected


@pytest.mark.parametrize("name", ["commands.md", *sorted({document for document, _ in SECTIONS})])
def test_the_generated_parts_are_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text() == expected()[DOCS / name], "run `make docs`"
