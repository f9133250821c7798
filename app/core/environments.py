"""How two versions of a model differ in what they were built with and run on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.core.model import Version

FIELDS = ("framework", "format", "runtime", "hardware", "inference_mode", "deployment_target", "decision_threshold")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs; an empty text: it was not said, or is not there."""

    field: str
    before: str
    after: str


def differences(before: Version, after: Version) -> list[Difference]:
    """The fields that differ, then the packages by name; names that spell the same package alike count as one."""
    return [one for one in compared(before, after) if one.before != one.after]


def compared(before: Version, after: Version) -> list[Difference]:
    """Every field and every package of the two, in the same order, also those that are the same."""
    return [*_fields(before, after), *_dependencies(before.dependencies, after.dependencies)]


def _fields(before: Version, after: Version) -> Iterator[Difference]:
    for name in FIELDS:
        yield Difference(name, str(getattr(before, name)), str(getattr(after, name)))


def _dependencies(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Difference]:
    was, now = _by_name(before), _by_name(after)
    for name in sorted({*was, *now}):
        yield Difference(f"dependency {name}", was.get(name, ""), now.get(name, ""))


def _by_name(dependencies: Mapping[str, str]) -> dict[str, str]:
    """By the normalised name (PEP 503): `Scikit_Learn` is `scikit-learn`."""
    return {re.sub(r"[-_.]+", "-", name).lower(): release for name, release in dependencies.items()}
