"""What may be written down as who does something."""

from __future__ import annotations

import pytest

from app.core.authors import LONGEST_AUTHOR, signed
from app.core.errors import InvalidError


@pytest.mark.parametrize(("given", "name"), [("ann", "ann"), (" Zoë Ó. ", "Zoë Ó."), ("n" * 200, "n" * 200)])
def test_a_name_is_kept_without_the_spaces_around_it(given: str, name: str) -> None:
    assert signed(given) == name


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("  ", "say who does it"),
        (
            "n" * 201,
            f"author: '{'n' * 40}…' is not allowed; it has 201 characters, allowed are at most 200 printable ones",
        ),
        ("a\nb", "author: 'a\\nb' is not allowed; allowed are at most 200 printable characters"),
        ("a\tb", "allowed are at most 200 printable characters"),
        ("a\0b", "author: 'a\\x00b' is not allowed; allowed are at most 200 printable characters"),
    ],
)
def test_what_is_no_name_is_refused_and_says_why(given: str, why: str) -> None:
    with pytest.raises(InvalidError) as refused:
        signed(given)
    assert str(refused.value).endswith(why)
    assert refused.value.field == "author"


def test_nobody_is_allowed_where_nobody_need_sign() -> None:
    assert signed(" ", needed=False) == ""
    with pytest.raises(InvalidError):
        signed("n" * (LONGEST_AUTHOR + 1), needed=False)
