"""Watchkeeper's alerts about itself, in the same life as those about models."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Engine

from app.core import looks
from app.core.errors import WatchkeeperError
from app.core.notifying import Pace
from app.services.alerting import AlertSummary, alert_about_itself
from app.services.checks import advice_for
from app.services.notifying import Telling, notify
from app.services.self_watch import read_facts
from app.settings import Settings


def watch(
    engine: Engine, now: datetime, settings: Settings, *, environment: Mapping[str, str], pace: Pace
) -> AlertSummary:
    """Look at what `doctor` looks at: raise an alert about each thing that is bad, and end those that are over.

    They are told at once, and not by the job that tells of models: it may be the one that hangs.

    Raises WatchkeeperError where the database cannot be used: what cannot be looked at then is not over for that.
    """
    facts = read_facts(engine, settings, now, environment)
    if not facts.database.usable:
        raise WatchkeeperError(f"the database cannot be used: {facts.database.error or 'its schema is another one'}")
    found = looks.findings(looks.diagnose(facts), now)
    changed = alert_about_itself(engine, now, found)
    digests = bool(settings.digest)
    telling = Telling(now, pace, settings.public_url, advice_for, reports=False, digests=digests)
    return changed + AlertSummary(notifications=notify(engine, telling, itself=True))
