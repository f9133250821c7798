"""Every page of the dashboard, and where it is seen with something on it."""

from __future__ import annotations

from tests.e2e.browser import ROOT

PATHS = {
    "fleet": "/?layout=cards",
    "fleet.rows": "/?layout=rows",
    "alerts": "/alerts",
    "alert": "/alert?id=1",
    "alerts.silences": "/alerts?part=silences",
    "limits": "/limits?model={model}",
    "channels": "/channels",
    "runbook": "/runbook?check=training_serving_skew",
    "model": "/model?model={model}",
    "model.traffic": "/model?model={model}&tab=traffic&days=365",
    "model.drift": "/model?model={model}&tab=drift&days=365",
    "model.quality": "/model?model={model}&tab=quality&days=365",
    "model.concept": "/model?model={model}&tab=concept&days=365",
    "feature": "/feature?model={model}&days=365",
    "feature.category": "/feature?model={model}&days=365&feature=carrier&check=missing_values",
    "model.speed": "/model?model={model}&tab=speed&days=365",
    "model.stability": "/model?model={model}&tab=stability&days=365",
    "model.staleness": "/model?model={model}&tab=staleness&days=365",
    "timeline": "/timeline?model={model}&days=365",
    "explorer": "/explorer?model={model}",
    "scorecard": "/scorecard?model={model}",
    "scorecard.fleet": "/scorecard?part=fleet",
    "reports": "/reports",
    "reports.review": "/reports?part=review&of={model}&days=365",
    "retraining": "/retraining",
    "review": "/review?model={model}",
    "retraining.policies": "/retraining?part=policies",
    "versions": "/versions?model={model}",
    "versions.compare": "/versions?model={model}&part=compare",
    "versions.drills": "/versions?model={model}&part=drills",
    "health": "/health",
    "health.jobs": "/health?part=jobs",
    "health.storage": "/health?part=storage",
    "health.keys": "/health?part=keys",
    "health.settings": "/health?part=settings",
}
"""By the name of the view, and of the part of it; `{model}` stands for a model that has everything."""


def shown() -> set[str]:
    """The names of the pages that are seen."""
    return {name.partition(".")[0] for name in PATHS}


def views() -> set[str]:
    """The names of the pages that there are."""
    return {path.stem for path in (ROOT / "app" / "ui" / "views").glob("*.py")}
