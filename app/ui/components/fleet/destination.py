"""Where a model of the fleet leads to: its page, at the check that says most about what is wrong."""

from __future__ import annotations

from app.services.read_models.fleet import ModelCard
from app.services.read_models.standings import Standing
from app.ui.components import wording


def query(card: ModelCard) -> dict[str, str]:
    """What the address of the model's page says."""
    said = {"model": card.model.name}
    if card.version:
        said["version"] = card.version.name
    wrong = [name for name, check in card.checks.items() if check.standing is Standing.BREACH]
    if wrong:
        said["check"] = min(wrong, key=wording.check_order)
    return said
