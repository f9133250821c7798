"""Where a model of the fleet leads to: its page, at the check that says most about what is wrong."""

from __future__ import annotations

from app.services.read_models.fleet import ModelCard
from app.ui.components.fleet import breaches


def query(card: ModelCard) -> dict[str, str]:
    """What the address of the model's page says."""
    said = {"model": card.model.name}
    if card.version:
        said["version"] = card.version.name
    wrong = breaches.names(card.checks)
    if wrong:
        said["check"] = wrong[0]
    return said
