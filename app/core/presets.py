"""The kinds of services that a target may be, as data."""

from __future__ import annotations

from app.core.errors import NotFoundError
from app.core.targets import Call, Field, Preset

_JSON = {"Content-Type": "application/json"}

_ALL = (
    Preset(
        "webhook",
        "Any service that takes a webhook signed as Standard Webhooks ask for",
        (
            Field("url", "address that the webhook goes to"),
            Field("secret", "secret that signs it, whsec_ and the key in base64", secret=True),
        ),
        Call("{url}", headers=_JSON),
        signing_field="secret",
    ),
)

PRESETS = {preset.name: preset for preset in _ALL}
"""Every preset by name."""


def find_preset(name: str) -> Preset:
    """The preset of that name. Raises NotFoundError with the names there are."""
    if name not in PRESETS:
        raise NotFoundError("preset", name, sorted(PRESETS))
    return PRESETS[name]
