"""What differs between two versions."""

from __future__ import annotations

from app.core.environments import Difference, differences
from app.core.model import Version

OLD = Version(1, "2", runtime="Python 3.11", dependencies={"numpy": "2.3.0", "Scikit_Learn": "1.8.0", "scipy": "1.16"})
NEW = Version(1, "3", runtime="Python 3.12", dependencies={"numpy": "2.4.6", "scikit-learn": "1.8.0", "xgboost": "3.1"})


def test_fields_come_first_and_packages_by_name() -> None:
    assert differences(OLD, NEW) == [
        Difference("runtime", "Python 3.11", "Python 3.12"),
        Difference("dependency numpy", "2.3.0", "2.4.6"),
        Difference("dependency scipy", "1.16", ""),
        Difference("dependency xgboost", "", "3.1"),
    ]


def test_a_version_does_not_differ_from_itself_and_the_other_way_round_is_the_reverse() -> None:
    assert differences(OLD, OLD) == []
    reverse = [Difference(one.field, one.after, one.before) for one in differences(OLD, NEW)]
    assert differences(NEW, OLD) == reverse
