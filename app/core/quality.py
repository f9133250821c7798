"""Which direction of a quality measure is bad news, and how far is too far."""

from __future__ import annotations

import numpy as np

from app.core.judgement import SHARE, Harm, Normal, Rule

HARM = {"mae": Harm.HIGHER, "rmse": Harm.HIGHER, "bias": Harm.EITHER}
"""Errors hurt when they grow, a bias in either direction; every other measure hurts when it falls."""


def quality_rule(measure: str, normal: Normal, floor: float) -> Rule:
    """`floor` is a share: of the unit interval for rates, of its usual size for an error in its own unit."""
    if measure not in HARM:
        return Rule(floor, Harm.LOWER, span=SHARE)
    sizes = np.abs(normal.values[np.isfinite(normal.values)])
    return Rule(floor * float(sizes.mean()) if sizes.size else floor, HARM[measure])
