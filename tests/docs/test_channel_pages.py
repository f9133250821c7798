"""Each kind of channel has its page, whose commands are right."""

from __future__ import annotations

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from app.channels.webhook import content
from app.services.channels import configure, kinds
from tests.channels.messages import firing
from tests.docs.generated import DOCS

PAGES = DOCS / "channels"


def commands(page: Path) -> list[list[str]]:
    """The words of every `watchkeeper channel ...` that the page shows as typed."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL)
    typed = [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.startswith("$ ")]
    return [
        words[2:] for words in map(shlex.split, (line[2:] for line in typed)) if words[:2] == ["watchkeeper", "channel"]
    ]


def options(words: list[str], name: str) -> list[str]:
    return [after for before, after in pairwise(words) if before == name]


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_each_kind_has_a_page_whose_commands_are_right(kind: str) -> None:
    added = [words for words in commands(PAGES / f"{kind}.md") if words[0] == "add"]

    assert added
    for words in added:
        assert options(words, "--kind") == [kind]
        configure(kind, dict(field.split("=", 1) for field in options(words, "--set")))
    assert ["test", added[0][1]] in commands(PAGES / f"{kind}.md")


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_each_page_says_how_to_set_it_up_what_arrives_and_what_is_tried_again(kind: str) -> None:
    page = (PAGES / f"{kind}.md").read_text()

    for heading in ("## Set it up", "## What arrives", "## What is tried again"):
        assert heading in page
    assert f"]({kind}.md)" in (PAGES / "README.md").read_text()


def test_the_page_of_the_webhook_shows_the_fields_that_are_sent() -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", (PAGES / "webhook.md").read_text(), re.DOTALL)
    sent = json.loads(json.dumps(content(firing())))

    assert shape(json.loads(shown)) == shape(sent)


def shape(value: Any) -> Any:
    """The names in a value, of a list those of its first item."""
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return {name: shape(item) for name, item in value.items()} if isinstance(value, dict) else None


def test_there_is_no_page_of_a_kind_that_is_no_more() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == {"README", *kinds()}
