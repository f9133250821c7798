"""What a team does before its model goes live: register it, store its reference, say who is told and who retrains."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Engine

from app.core.retraining import Policy
from app.demo.collector import Collector
from app.demo.flights import FEATURES
from app.demo.questions import THRESHOLD, Question
from app.demo.receivers import HOST, RETRAINING_PATH, SLACK_PATH, Ports
from app.services.channels import add_channel
from app.services.policies import set_policy

FIRST = "1"
"""The name of the version that is live from the beginning."""
LABEL_DELAY = timedelta(hours=12)
"""After the end of a day all but a handful of its flights have landed."""

SEGMENT_BY = ["origin"]
"""The three airports are looked at one by one."""

MAX_STALENESS = timedelta(days=120)
COOLDOWN = timedelta(days=28)
MINIMUM_NEW_LABELS = 10_000


@dataclass(frozen=True, slots=True)
class SecretFiles:
    """Where the secrets stand: the database keeps only references to these files."""

    slack_url: Path
    retraining: Path


def register(
    collector: Collector, question: Question, reference: pd.DataFrame, deployed_at: datetime, folder: Path
) -> dict[str, Any]:
    """Register the model and its first version over HTTP; what the collector says about the reference."""
    collector.post("/v1/models", _model(question))
    return register_version(collector, question, FIRST, reference, deployed_at, folder)


def register_version(
    collector: Collector,
    question: Question,
    name: str,
    reference: pd.DataFrame,
    deployed_at: datetime,
    folder: Path,
    training_set: str = "",
) -> dict[str, Any]:
    """Register a version over HTTP, with what it was trained on, and store its reference; what is said about that.

    What is uploaded stays in `folder`.
    """
    path = f"/v1/models/{question.model}/versions"
    collector.post(path, {**_version(name, reference, deployed_at), "training_set": training_set})
    columns = {
        "timestamp_column": "departure",
        "prediction_column": "prediction",
        "label_column": "truth",
        "out_of_sample": "true",
    }
    if "score" in reference:
        columns["score_column"] = "score"
    file = folder / f"{name}.parquet"
    rows = reference[[*(name for role, name in columns.items() if role.endswith("_column")), *FEATURES]]
    rows.assign(truth=rows["truth"].convert_dtypes()).to_parquet(file, index=False)
    return collector.put_reference(f"{path}/{name}/reference", file, columns)


def tell_somebody(engine: Engine, question: Question, now: datetime, ports: Ports, files: SecretFiles) -> None:
    """A Slack channel, an email address and a retraining policy, all of which lead to the receivers of this machine."""
    files.slack_url.write_text(f"http://{HOST}:{ports.http}{SLACK_PATH}")
    add_channel(engine, now, "demo-slack", "slack", {"url": f"file:{files.slack_url}"})
    mail = {"host": HOST, "port": ports.smtp, "sender": "watchkeeper@example.org", "recipients": "on-call@example.org"}
    add_channel(engine, now, "demo-mail", "email", mail)
    set_policy(
        engine,
        now,
        question.model,
        Policy(tuple(question.policy_checks), COOLDOWN, MINIMUM_NEW_LABELS),
        webhook_url=f"http://{HOST}:{ports.http}{RETRAINING_PATH}",
        secret=f"file:{files.retraining}",
    )


def _model(question: Question) -> Mapping[str, Any]:
    return {
        "name": question.model,
        "task": question.task.value,
        "window": "day",
        "owner": "demo",
        "segment_by": SEGMENT_BY,
        "confident_threshold": question.confident,
        "label_delay_seconds": int(LABEL_DELAY.total_seconds()),
        "max_staleness_seconds": int(MAX_STALENESS.total_seconds()),
    }


def _version(name: str, reference: pd.DataFrame, deployed_at: datetime) -> Mapping[str, Any]:
    return {
        "name": name,
        "decision_threshold": THRESHOLD,
        "newest_training_row": reference["departure"].max().to_pydatetime(),
        "deployed_at": deployed_at,
        "framework": "scikit-learn",
        "format": "pickle",
        "runtime": f"python {platform.python_version()}",
        "inference_mode": "near-real-time",
        "dependencies": {name: version(name) for name in ("numpy", "pandas", "scikit-learn", "scipy")},
    }
