"""The pages' only door to the services; answers are kept for some seconds."""

from app.ui.data import (
    alerts,
    checks,
    connection,
    features,
    fleet,
    health,
    keys,
    models,
    quality,
    reports,
    retraining,
    reviews,
    scorecards,
    timeline,
    versions,
)

__all__ = [
    "alerts",
    "checks",
    "connection",
    "features",
    "fleet",
    "health",
    "keys",
    "models",
    "quality",
    "reports",
    "retraining",
    "reviews",
    "scorecards",
    "timeline",
    "versions",
]
