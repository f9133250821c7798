"""The `watchkeeper` command. Sections are loaded when they are used, so that `--help` and scripts start quickly."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from app.core.errors import WatchkeeperError
from app.settings import SettingsError

COMMANDS = {
    "up": "servers:up",
    "collect": "servers:collect",
    "work": "servers:work",
    "dashboard": "servers:dashboard",
    "run": "servers:run",
    "demo": "servers:demo",
    "model": "catalogue:model",
    "version": "catalogue:version",
    "deployment": "deployments:deployment",
    "rollback": "deployments:rollback",
    "drill": "drills:drill",
    "live": "drills:live",
    "import": "files:import_",
    "export": "training:export",
    "training-set": "training:training_set",
    "exclude": "training:exclude",
    "review": "review:review",
    "measurements": "findings:measurements",
    "predictions": "predictions:predictions",
    "check": "gate:check",
    "profile": "profiles:profile",
    "compare": "profiles:compare",
    "alert": "alerts:alert",
    "silence": "silences:silence",
    "route": "routes:route",
    "digest": "digests:digest",
    "runbook": "runbooks:runbook",
    "limits": "limits:limits",
    "limit": "limits:limit",
    "backtest": "limits:backtest",
    "why": "insights:why",
    "timeline": "timeline:timeline",
    "segments": "segments:segments",
    "scorecard": "insights:scorecard",
    "labels": "labels:labels",
    "report": "reports:report",
    "project-review": "project_review:project_review",
    "channel": "channels:channel",
    "target": "targets:target",
    "policy": "policies:policy",
    "retraining": "retraining:retraining",
    "key": "keys:key",
    "rebuild": "database:rebuild",
    "db": "database:db",
    "doctor": "database:doctor",
}


class _Lazy(click.Group):
    """A group that imports the section of a command when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        section, name = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(import_module(f"app.cli.{section}"), name)
        return command


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  watchkeeper demo                                    see a real model degrade on real data
  watchkeeper up                                      collector, worker and dashboard on this machine
  watchkeeper model add fraud --task binary           watch a model of your own
  watchkeeper import predictions yesterday.csv --model fraud --version 1 --timestamp-column at --score-column score
  watchkeeper run && watchkeeper measurements --model fraud

Settings are read from WATCHKEEPER_* variables; without any, a SQLite database in
~/.local/share/watchkeeper is used. `watchkeeper doctor` says what is wrong and how to mend it.""",
)
@click.version_option(package_name="watchkeeper", prog_name="watchkeeper")
def cli() -> None:
    """Keep watch over machine-learning models after deployment."""


def main() -> None:
    """Run the command; errors that a person can mend are said in a sentence, with exit code 1."""
    try:
        cli(prog_name="watchkeeper")
    except (WatchkeeperError, SettingsError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
