"""What a text looks like in any language: its length, its words and the kinds of its characters."""

import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from app.core.stats.arrays import Floats

STATISTICS = ("length", "words", "word_length", "letters", "digits", "upper_case", "symbols", "non_ascii")
"""Characters; words between white space; characters per word; and shares of the characters, by their Unicode category:
letters (with their marks), digits, upper case, symbols (all that is no letter, digit or white space), beyond ASCII."""

_SPACE, _LETTER, _DIGIT, _UPPER, _SYMBOL, _NON_ASCII = (1 << bit for bit in range(6))
_BLOCK = 1 << 20  # characters looked at together, so that memory does not grow with the texts


def text_statistics(texts: Sequence[str]) -> Floats:
    """``[N, 8]`` the STATISTICS of each text. An empty one has none of anything, so all of them are 0."""
    blocks = [_block_statistics(block) for block in _blocks(texts)]
    return np.concatenate(blocks) if blocks else np.empty((0, len(STATISTICS)))


def _blocks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    start = size = 0
    for row, text in enumerate(texts):
        if size and size + len(text) > _BLOCK:
            yield texts[start:row]
            start, size = row, 0
        size += len(text)
    if start < len(texts):
        yield texts[start:]


def _block_statistics(texts: Sequence[str]) -> Floats:
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    ends = np.cumsum(lengths)
    starts = ends - lengths
    traits = _traits(np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32))

    def count(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        before = np.concatenate([[0], np.cumsum(mask)])
        return np.asarray(before[ends] - before[starts])

    solid = (traits & _SPACE) == 0
    opens = np.concatenate([[True], ~solid[:-1]])[: solid.size]  # what stands before it separates
    opens[starts[lengths > 0]] = True
    words = count(solid & opens)
    shares = [count((traits & bit) != 0) for bit in (_LETTER, _DIGIT, _UPPER, _SYMBOL, _NON_ASCII)]
    per_word = count(solid) / np.maximum(words, 1)
    return np.stack([lengths, words, per_word, *(share / np.maximum(lengths, 1) for share in shares)], axis=-1)


def _traits(points: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """The traits of each code point. Texts repeat few of them, so each is looked up once."""
    table = np.zeros(int(points.max(initial=0)) + 1, np.uint8)
    table[points] = 1
    seen = np.flatnonzero(table)
    table[seen] = [_traits_of(point) for point in seen.tolist()]
    return table[points]


@lru_cache(maxsize=1 << 16)
def _traits_of(point: int) -> int:
    character, traits = chr(point), 0 if point < 128 else _NON_ASCII
    if character.isspace():
        return traits | _SPACE
    match unicodedata.category(character)[0]:
        case "L" | "M":
            return traits | _LETTER | (_UPPER if character.isupper() else 0)
        case "N":
            return traits | _DIGIT
    return traits | _SYMBOL
