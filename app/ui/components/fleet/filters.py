"""Which models of the fleet one looks for: by a part of the name, owner, tag and state, all in the address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from app.services.read_models.fleet import ModelCard
from app.services.read_models.standings import Standing
from app.ui.components import choice, wording

FEW = 3
"""Models up to which there is nothing to search for."""
ALL = "all"
_NAMES = ("q", "owner", "tag", "state")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a model must be; "" lets every one through."""

    part: str = ""
    owner: str = ""
    tag: str = ""
    state: str = ""

    def of(self, cards: Sequence[ModelCard]) -> list[ModelCard]:
        """Those that fit, in their order."""
        return [card for card in cards if self._fits(card)]

    def _fits(self, card: ModelCard) -> bool:
        return (
            self.part.casefold() in card.model.name.casefold()
            and self.owner in {"", card.model.owner}
            and (not self.tag or self.tag in card.model.tags)
            and self.state in {"", card.standing.value}
        )


def has_choice(cards: Sequence[ModelCard]) -> bool:
    """Whether there is anything to look for: many models, or a link that asks for some."""
    return len(cards) > FEW or any(name in st.query_params for name in _NAMES)


def choose(cards: Sequence[ModelCard]) -> Wanted:
    """By name, owner and tag: controls for a row."""
    if not has_choice(cards):
        return Wanted()
    owners = sorted({card.model.owner for card in cards if card.model.owner})
    tags = sorted({tag for card in cards for tag in card.model.tags})
    part = choice.text("q", "Search", placeholder="part of a name", width=220)
    owner = _select("owner", "Owner", owners, "All owners")
    tag = _select("tag", "Tag", tags, "All tags")
    return Wanted(part, owner, tag)


def _select(name: str, label: str, known: Sequence[str], all_: str) -> str:
    """Nothing to choose where no model has one."""
    if not known:
        return ""
    return choice.select(
        name, label, ["", *known], "", words=lambda value: value or all_, width=160, key=f"fleet {name}"
    )


def of_state(wanted: Wanted, cards: Sequence[ModelCard]) -> Wanted:
    """The same, and in a state: each is shown with how many there are of what the other filters let through."""
    fitting = wanted.of(cards)
    counts = {standing.value: sum(card.standing is standing for card in fitting) for standing in Standing}

    def words(name: str) -> str:
        if name == ALL:
            return f"All {len(fitting)}"
        standing = Standing(name)
        return f"{wording.state_mark(standing)} {wording.state_word(standing)} {counts[name]}"

    chosen = choice.buttons("state", "State", [ALL, *counts], ALL, words=words, key="fleet state", hidden_label=True)
    return wanted if chosen == ALL else replace(wanted, state=chosen)
