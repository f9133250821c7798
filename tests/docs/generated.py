"""The parts of the documentation that the program itself knows best: commands, settings, checks, channels.

`python -m tests.docs.generated` writes them; a test says when they are out of date.
"""

from __future__ import annotations

import dataclasses
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import click

import app.channels
import app.core.checks
from app.channels.apprise import WELL_KNOWN
from app.cli import cli
from app.core.looks import LOOKS
from app.core.registry import plugins
from app.services.runbooks import built_in
from app.settings import PREFIX, Settings

DOCS = Path(__file__).parents[2] / "docs"


def commands() -> str:
    """Every command with its help, as a person sees it."""
    parts = [_help(context) for context in walk()]
    return "# Commands\n\nEach answers `--help` with the same text.\n\n" + "\n".join(parts)


def walk(
    parent: click.Context | None = None, name: str = "watchkeeper", command: click.Command = cli
) -> Iterator[click.Context]:
    """A context for every command, each below its parent, whose settings it inherits."""
    settings = {**command.context_settings, "terminal_width": 100, "max_content_width": 100}
    context = click.Context(command, parent, info_name=name, **settings)
    yield context
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from walk(context, child, found)


def _help(context: click.Context) -> str:
    text = re.sub(r"[ \t]+$", "", context.get_help(), flags=re.MULTILINE)
    return f"## `{context.command_path}`\n\n```text\n{text}\n```\n"


def settings_table() -> str:
    """Every setting with its default and meaning."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for field in dataclasses.fields(Settings):
        default = "the user's data folder" if field.name == "data_dir" else f"`{field.default}`"
        shown = "" if default == "``" else default
        rows.append(f"| `{PREFIX}{field.name.upper()}` | {shown} | {field.metadata['help']} |")
    return "\n".join(rows)


def checks_table() -> str:
    """Every check with its question, and what to do about a breach."""
    rows = ["| check | question | on a breach |", "|---|---|---|"]
    rows += [f"| `{name}` | {check.question} | {check.advice} |" for name, check in plugins(app.core.checks).items()]
    return "\n".join(rows)


def channels_table() -> str:
    """Every kind of channel with its fields."""
    rows = ["| kind | field | default | meaning |", "|---|---|---|---|"]
    for kind, plugin in plugins(app.channels).items():
        for field in dataclasses.fields(plugin):
            needed = field.default is dataclasses.MISSING
            secret = "; a secret, given as `env:NAME` or `file:PATH`" if field.metadata.get("secret") else ""
            default = "needed" if needed else f"`{field.default}`".replace("``", "")
            rows.append(f"| `{kind}` | `{field.name}` | {default} | {field.metadata['help']}{secret} |")
    return "\n".join(rows)


def looks_table() -> str:
    """Every look of doctor, with what is at stake."""
    rows = ["| subject | asks | if not |", "|---|---|---|"]
    rows += [f"| `{look.subject}` | {look.question} | {look.why} |" for look in LOOKS]
    return "\n".join(rows)


def runbooks() -> str:
    """What comes with each check, as sections."""
    return "\n".join(f"## {name}\n\n{built_in(name)}" for name in plugins(app.core.checks)).rstrip()


def apprise_services() -> str:
    """The schemes that Apprise is used for without further ado."""
    return textwrap.fill(", ".join(f"`{scheme}`" for scheme in sorted(WELL_KNOWN)), 118)


SECTIONS: dict[tuple[str, str], Callable[[], str]] = {
    ("operating.md", "settings"): settings_table,
    ("operating.md", "looks"): looks_table,
    ("checks.md", "checks"): checks_table,
    ("channels/README.md", "channels"): channels_table,
    ("channels/apprise.md", "apprise"): apprise_services,
    ("runbooks.md", "runbooks"): runbooks,
}
"""(document, marker) -> what stands between `<!-- marker -->` and `<!-- /marker -->`."""


def expected() -> dict[Path, str]:
    """Every generated document as it should be."""
    found = {DOCS / "commands.md": commands()}
    for (document, marker), table in SECTIONS.items():
        path = DOCS / document
        text = found.get(path, path.read_text())
        pattern = rf"(<!-- {marker} -->\n).*?(<!-- /{marker} -->)"
        if not re.search(pattern, text, flags=re.DOTALL):
            raise ValueError(f"{document} has no <!-- {marker} --> ... <!-- /{marker} -->")
        found[path] = re.sub(pattern, lambda m: f"{m[1]}{table()}\n{m[2]}", text, flags=re.DOTALL)  # noqa: B023
    return found


if __name__ == "__main__":
    for path, text in expected().items():
        path.write_text(text)
