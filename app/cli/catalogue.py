"""`watchkeeper model` and `watchkeeper version`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import click

from app.cli.output import format_option, show
from app.cli.parameters import DURATION, TIME, author_option
from app.cli.session import database, now
from app.core.alerting import utc_text
from app.core.model import Model, Stage, Task, Version, WindowLength

_VERSION_COLUMNS = (
    *("model", "version", "stage", "decision_threshold"),
    *("newest_training_row", "deployed_at", "framework"),
)


@click.group()
def model() -> None:
    """Add, change and list models."""


@model.command(
    "add",
    epilog="""\b
Examples:
  watchkeeper model add fraud --task binary
  watchkeeper model add prices --task regression --window hour --label-delay 7d --max-staleness 90d
  watchkeeper model add churn --task binary --segment-by country --segment-by device
  watchkeeper model add eta --task regression --owner logistics --tag europe --tag pricing""",
)
@click.argument("name")
@click.option("--task", type=click.Choice([t.value for t in Task]), required=True, help="What the model predicts.")
@click.option(
    "--window",
    type=click.Choice([w.value for w in WindowLength]),
    default="day",
    show_default=True,
    help="Event time that one measurement covers.",
)
@click.option("--owner", default="", help="Who answers for it.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="A word to find it by; may be given up to 20 times.")
@click.option("--positive-label", default="1", show_default=True, help="Binary: the class that the score is for.")
@click.option(
    "--confident-threshold",
    type=float,
    default=0.9,
    show_default=True,
    help="Probability from which a prediction counts as confident.",
)
@click.option(
    "--label-delay",
    type=DURATION,
    default="0d",
    show_default=True,
    help="How long after a prediction its truth is known; quality is provisional until then.",
)
@click.option("--max-staleness", type=DURATION, help="Oldest that its training data may be, such as 90d.")
@click.option("--max-drill-age", type=DURATION, help="Oldest that its last passed rollback drill may be; 90d at first.")
@click.option(
    "--segment-by",
    multiple=True,
    metavar="ATTRIBUTE",
    help="Watch the rows by the values of this attribute too; may be given up to five times.",
)
@click.option(
    "--false-alarms",
    type=float,
    default=1.0,
    show_default=True,
    help="False alerts a month that its learnt limits may cause, up to 100; fewer make them wider.",
)
@format_option
def model_add(
    name: str,
    task: str,
    window: str,
    owner: str,
    tags: tuple[str, ...],
    positive_label: str,
    confident_threshold: float,
    label_delay: timedelta,
    max_staleness: timedelta | None,
    max_drill_age: timedelta | None,
    segment_by: tuple[str, ...],
    false_alarms: float,
    format_: str,
) -> None:
    """Register a model. The same again changes nothing."""
    from app.services.catalogue import register_model

    new = Model(
        name=name,
        task=Task(task),
        window=WindowLength(window),
        owner=owner,
        tags=tags,
        positive_label=positive_label,
        confident_threshold=confident_threshold,
        label_delay=label_delay,
        max_staleness=max_staleness,
        max_drill_age=max_drill_age or timedelta(days=90),
        segment_by=segment_by,
        false_alarms_per_month=false_alarms,
    )
    with database() as engine:
        show([_model_row(register_model(engine, new, now()))], format_)
    if format_ == "text":
        click.echo(f"\nNext: watchkeeper version add {name} 1", err=True)


@model.command(
    "segment-by",
    epilog="""\b
Examples:
  watchkeeper model segment-by churn country device
  watchkeeper model segment-by churn""",
)
@click.argument("name")
@click.argument("attributes", nargs=-1, metavar="[ATTRIBUTE]...")
def model_segment_by(name: str, attributes: tuple[str, ...]) -> None:
    """Watch the rows of model NAME by these attributes from now on, in place of those declared before.

    Rows counted already stay as they are until `watchkeeper rebuild`; segments by other attributes are forgotten.
    """
    from app.services.catalogue import declare_segments

    with database() as engine:
        found = declare_segments(engine, name, attributes)
    click.echo(f"{name} is watched by {', '.join(attributes)}" if attributes else f"{name} is watched as a whole only")
    for one in found:
        if attributes and one.since is not None:
            click.echo(f"version {one.version}: from the window of {utc_text(one.since)} on")
    if attributes and any(one.since is not None for one in found):
        click.echo(f"Next: `watchkeeper rebuild --model {name}` counts earlier rows by segments too", err=True)


@model.command(
    "set",
    epilog="""\b
Examples:
  watchkeeper model set fraud --label-delay 10d
  watchkeeper model set fraud --false-alarms 0.5 --owner payments
  watchkeeper model set fraud --fire-after 2 --fire-after volume=1
  watchkeeper model set fraud --tag payments --tag europe""",
)
@click.argument("name")
@click.option("--owner", help="Who answers for it.")
@click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="TAG",
    help="A word to find it by; all of them, in place of those of before.",
)
@click.option("--no-tags", is_flag=True, help="Take all its tags away.")
@click.option("--label-delay", type=DURATION, help="How long after a prediction its truth is known.")
@click.option("--max-staleness", type=DURATION, help="Oldest that its training data may be, such as 90d.")
@click.option("--max-drill-age", type=DURATION, help="Oldest that its last passed rollback drill may be; 90d at first.")
@click.option("--no-max-staleness", is_flag=True, help="Declare no such age any more.")
@click.option(
    "--false-alarms", "false_alarms_per_month", type=float, help="False alerts a month that its limits may cause."
)
@click.option(
    "--fire-after",
    multiple=True,
    metavar="[CHECK=]N",
    help="Windows in breach until an alert fires: of this check, or without one of any other. May be given several "
    "times, in place of what was declared before.",
)
@format_option
def model_set(
    name: str,
    tags: tuple[str, ...],
    no_tags: bool,
    no_max_staleness: bool,
    fire_after: tuple[str, ...],
    format_: str,
    **given: Any,
) -> None:
    """Change what the owner of model NAME declares.

    Windows that are judged from now on, or again, are judged by the new values; what has been judged stays as it is.
    """
    from app.services.catalogue import change_model

    changes = {field: value for field, value in given.items() if value is not None}
    if no_max_staleness:
        if "max_staleness" in changes:
            raise click.UsageError("--max-staleness and --no-max-staleness say opposite things; give one of them")
        changes["max_staleness"] = None
    if tags and no_tags:
        raise click.UsageError("--tag and --no-tags say opposite things; give one of them")
    if tags or no_tags:
        changes["tags"] = tags
    if fire_after:
        changes["fire_after"] = dict(_windows_to_fire(text) for text in fire_after)
    if not changes:
        raise click.UsageError("nothing to change: give at least one option")
    with database() as engine:
        show([_model_row(change_model(engine, name, **changes))], format_)


def _windows_to_fire(text: str) -> tuple[str, int]:
    check, _, number = text.rpartition("=")
    if not number.isdecimal():
        raise click.BadParameter(f"{text!r}: write a number of windows, or CHECK=N", param_hint="--fire-after")
    return check or "*", int(number)


@model.command("list")
@format_option
def model_list(format_: str) -> None:
    """List the models."""
    from app.services.catalogue import models_with_versions

    with database() as engine:
        rows = [{**_model_row(found), "versions": len(versions)} for found, versions in models_with_versions(engine)]
    show(rows, format_, empty="no model yet; add one with `watchkeeper model add NAME --task binary`")


def _model_row(found: Model) -> dict[str, Any]:
    return {
        "name": found.name,
        "task": found.task,
        "window": found.window,
        "owner": found.owner,
        "tags": list(found.tags),
        "confident_threshold": found.confident_threshold,
        "label_delay": found.label_delay,
        "max_staleness": found.max_staleness,
        "max_drill_age": found.max_drill_age,
        "segment_by": list(found.segment_by),
        "false_alarms_per_month": found.false_alarms_per_month,
        "fire_after": dict(found.fire_after),
    }


@click.group()
def version() -> None:
    """Add, retire and list versions of a model."""


@version.command(
    "add",
    epilog="""\b
Examples:
  watchkeeper version add fraud 3
  watchkeeper version add fraud 3 --framework scikit-learn --format onnx --decision-threshold .4 \\
      --dependency numpy==2.4.6 --dependency scikit-learn==1.9.1""",
)
@click.argument("model_name", metavar="MODEL")
@click.argument("name", metavar="VERSION")
@click.option(
    "--stage",
    type=click.Choice([s.value for s in Stage]),
    help="Where it stands; without it, the first version of a model is live, and a later one registered.",
)
@author_option
@click.option(
    "--decision-threshold",
    type=float,
    default=0.5,
    show_default=True,
    help="Binary: score from which the positive class is predicted.",
)
@click.option("--newest-training-row", type=TIME, help="Time of the newest row it was trained on.")
@click.option("--deployed-at", type=TIME, help="Since when it serves.")
@click.option("--framework", default="", help="scikit-learn, pytorch, xgboost ...")
@click.option("--format", "artefact_format", default="", help="onnx, h5, saved_model, pickle ...")
@click.option("--runtime", default="", help="Python 3.11, onnxruntime 1.20 ...")
@click.option("--hardware", default="", help="cpu, a100 ...")
@click.option("--inference-mode", default="", help="batch, near-real-time or real-time.")
@click.option("--deployment-target", default="", help="vm, container, serverless, serving platform or edge.")
@click.option(
    "--training-set", default="", metavar="HASH", help="What it was trained on: `watchkeeper training-set list`."
)
@click.option(
    "--dependency", "dependencies", multiple=True, metavar="NAME==VERSION", help="May be given several times."
)
def version_add(
    model_name: str,
    name: str,
    stage: str | None,
    author: str,
    artefact_format: str,
    dependencies: tuple[str, ...],
    **rest: Any,
) -> None:
    """Register a version of MODEL. The same again changes nothing."""
    from app.services.catalogue import register_version

    new = Version(
        model_id=0,
        name=name,
        stage=Stage(stage or "registered"),
        format=artefact_format,
        dependencies=dict(_dependency(text) for text in dependencies),
        **rest,
    )
    with database() as engine:
        stored = register_version(engine, model_name, new, now(), stage_open=stage is None, author=author)
    click.echo(f"version {name} of {model_name} is registered; it stands at {stored.stage.value}")
    click.echo(f"Next: watchkeeper import reference FILE --model {model_name} --version {name} ...", err=True)


def _dependency(text: str) -> tuple[str, str]:
    name, separator, release = text.partition("==")
    if not (name and separator and release):
        raise click.BadParameter(f"{text!r}: write NAME==VERSION", param_hint="--dependency")
    return name, release


@version.command(
    "stage",
    epilog="""\b
Examples:
  watchkeeper version stage fraud 2 retired
  watchkeeper version stage fraud 3 live --reason "better on the audit sample"
  watchkeeper version stage fraud 3-eu live --beside""",
)
@click.argument("model_name", metavar="MODEL")
@click.argument("name")
@click.argument("stage", type=click.Choice([s.value for s in Stage]))
@author_option
@click.option("--reason", default="", help="Why.")
@click.option("--beside", is_flag=True, help="With live: the versions that are live stay so.")
@format_option
def version_stage(model_name: str, name: str, stage: str, author: str, reason: str, beside: bool, format_: str) -> None:
    """Say where version NAME of MODEL stands.

    One that becomes live takes the place of the one that was, which stays registered, to be gone back to. A retired
    one is judged no more, and its open alerts end.
    """
    from app.services.catalogue import find
    from app.services.deployments import set_stage

    if beside and stage != Stage.LIVE:
        raise click.UsageError("--beside goes with the stage live")
    with database() as engine:
        changed = set_stage(engine, model_name, name, Stage(stage), now(), author=author, reason=reason, beside=beside)
        show([_version_row(find(engine, model_name, name)[0], changed)], format_, columns=_VERSION_COLUMNS)


@version.command(
    "diff",
    epilog="""\b
Examples:
  watchkeeper version diff fraud 2 3
  watchkeeper version diff fraud 2 3 --format json""",
)
@click.argument("model_name", metavar="MODEL")
@click.argument("before")
@click.argument("after")
@format_option
def version_diff(model_name: str, before: str, after: str, format_: str) -> None:
    """Say how versions BEFORE and AFTER of MODEL differ in packages, runtime, hardware and format."""
    from dataclasses import asdict

    from app.services.read_models.versions import version_differences

    with database() as engine:
        rows = [asdict(one) for one in version_differences(engine, model_name, before, after)]
    show(rows, format_, empty=f"versions {before} and {after} say the same of themselves")


@version.command("list")
@click.argument("model_name", metavar="[MODEL]", required=False)
@format_option
def version_list(model_name: str | None, format_: str) -> None:
    """List the versions of MODEL, or of every model."""
    from app.services.catalogue import models_with_versions
    from app.storage.catalogue import find_model
    from app.storage.engine import read

    with database() as engine:
        if model_name:
            with read(engine) as connection:
                find_model(connection, model_name)
        rows = [
            _version_row(found, one)
            for found, versions in models_with_versions(engine)
            for one in versions
            if model_name in (None, found.name)
        ]
    empty = "no version yet; add one with `watchkeeper version add MODEL VERSION`"
    show(rows, format_, columns=_VERSION_COLUMNS, empty=empty)


def _version_row(found: Model, one: Version) -> dict[str, Any]:
    times: dict[str, datetime | None] = {
        "newest_training_row": one.newest_training_row,
        "deployed_at": one.deployed_at,
        "created_at": one.created_at,
    }
    return {
        "model": found.name,
        "version": one.name,
        "stage": one.stage,
        "decision_threshold": one.decision_threshold,
        **times,
        "framework": one.framework,
        "format": one.format,
        "runtime": one.runtime,
        "hardware": one.hardware,
        "inference_mode": one.inference_mode,
        "deployment_target": one.deployment_target,
        "dependencies": dict(one.dependencies),
    }
