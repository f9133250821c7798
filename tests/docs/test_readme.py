"""The README names every check, once."""

from __future__ import annotations

import re

from app.services.checks import all_checks
from tests.docs.generated import DOCS


def test_the_readme_asks_the_question_of_every_check() -> None:
    readme = (DOCS.parent / "README.md").read_text()
    table = readme.partition("## What it checks")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == sorted(all_checks())
