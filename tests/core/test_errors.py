"""What an error says of a name that does not exist, and of a value that is not allowed."""

from __future__ import annotations

from app.core.errors import InvalidError, NotFoundError


def test_a_few_names_are_all_listed_the_one_alike_first() -> None:
    names = [f"x{n}" for n in range(20)]
    assert str(NotFoundError("column", "mean_raduis", [*names, "mean_radius"])) == (
        f"no column 'mean_raduis'; known are: mean_radius, {', '.join(names)}"
    )


def test_names_that_are_equally_alike_stay_in_their_order() -> None:
    said = str(NotFoundError("segment", "kind=z", ["kind=a", "kind=b", "kinds=z"]))
    assert said.endswith("known are: kinds=z, kind=a, kind=b")


def test_of_many_names_thirty_are_listed_and_the_rest_counted() -> None:
    said = str(NotFoundError("column", "time", [f"x{n}" for n in range(100)]))
    assert said.endswith("x29 and 70 more")
    assert said.count(", ") == 29


def test_where_there_is_none_it_says_so() -> None:
    assert str(NotFoundError("model", "fraud", [])) == "no model 'fraud'; there is no model yet"
    assert str(NotFoundError("version", "", [], "add one")) == "there is no version yet: add one"


def test_what_was_not_given_is_called_missing_or_empty() -> None:
    assert str(InvalidError("reason", "", "say why")) == "reason is empty; say why"
    assert str(InvalidError("reason", None, "say why")) == "reason is missing; say why"
    assert str(InvalidError("days", 0, "1 at least")) == "days: 0 is not allowed; 1 at least"
