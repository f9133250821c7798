"""Text statistics by hand, and against the plainest code over any text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from app.core.stats import text
from app.core.stats.text import STATISTICS, text_statistics


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        # length, words, characters per word, and shares: letters, digits, upper case, symbols, beyond ASCII
        ("", [0, 0, 0, 0, 0, 0, 0, 0]),
        ("   ", [3, 0, 0, 0, 0, 0, 0, 0]),
        ("Call 911!", [9, 2, 4, 4 / 9, 3 / 9, 1 / 9, 1 / 9, 0]),
        ("Über\tuns", [8, 2, 3.5, 7 / 8, 0, 1 / 8, 0, 1 / 8]),
        ("很好 🙂", [4, 2, 1.5, 2 / 4, 0, 0, 1 / 4, 3 / 4]),
        ("नमस्ते", [6, 1, 6, 1, 0, 0, 0, 1]),  # vowel signs are marks, and part of their letters
        ("\n a\n", [4, 1, 1, 1 / 4, 0, 0, 0, 0]),
    ],
)
def test_by_hand(said: str, expected: list[float]) -> None:
    assert_allclose(text_statistics([said]), [expected])


def plainly(said: str) -> list[float]:
    words, size = said.split(), max(len(said), 1)
    kinds = ["space" if c.isspace() else unicodedata.category(c)[0] for c in said]
    return [
        len(said),
        len(words),
        sum(map(len, words)) / max(len(words), 1),
        sum(kind in ("L", "M") for kind in kinds) / size,
        kinds.count("N") / size,
        sum(c.isupper() and kind in ("L", "M") for c, kind in zip(said, kinds, strict=True)) / size,
        sum(kind not in ("space", "L", "M", "N") for kind in kinds) / size,
        sum(not c.isascii() for c in said) / size,
    ]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=8), st.integers(1, 40))
def test_of_any_texts_in_blocks_of_any_size(texts: list[str], block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "_BLOCK", block)
        found = text_statistics(texts)
    assert found.shape == (len(texts), len(STATISTICS))
    for row, said in zip(found, texts, strict=True):
        assert_allclose(row, plainly(said), rtol=1e-12)
