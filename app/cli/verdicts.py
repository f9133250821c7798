"""A verdict for machines that read test results: JUnit XML, and the workflow commands of GitHub Actions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree

from app.cli.output import text
from app.core.gate import Finding, Gate
from app.core.model import Measurement, Outcome

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def sentence(one: Measurement) -> str:
    """What was found, in which window and why, in one line."""
    value = f"{one.statistic} {text(one.value)}" if one.value is not None else ""
    limit = f"limit {text(one.limit)}" if one.limit is not None else ""
    window = f"window of {one.window.start:%Y-%m-%d %H:%M} UTC"
    return f"{', '.join(part for part in (value, limit, window) if part)}: {one.reason or one.outcome.value}"


def subject(one: Measurement) -> str:
    """The subject with its segment; a check of the whole model is called by its own name."""
    return (one.subject or one.check or "model") + (f" [{one.segment}]" if one.segment else "")


def junit(model: str, gate: Gate) -> str:
    """One test case per check and subject: a failure for a breach, skipped with the reason where none can tell."""
    suite = ElementTree.Element(
        "testsuite",
        name=_xml(f"watchkeeper {model}"),
        tests=str(len(gate.findings)),
        failures=str(len(gate.of(Outcome.BREACH))),
        skipped=str(len(gate.of(Outcome.NOT_EVALUATED))),
        errors="0",
    )
    for finding in gate.findings:
        _case(suite, model, finding)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)


def _case(suite: ElementTree.Element, model: str, finding: Finding) -> None:
    one = finding.measurement
    place = ".".join(part for part in (model, finding.version, one.check) if part)
    case = ElementTree.SubElement(suite, "testcase", classname=_xml(place), name=_xml(subject(one)))
    said = _xml(sentence(one))
    if one.outcome is Outcome.BREACH:
        ElementTree.SubElement(case, "failure", type="breach", message=said)
    elif one.outcome is Outcome.NOT_EVALUATED:
        ElementTree.SubElement(case, "skipped", message=said)


def _xml(value: str) -> str:
    """Text without the characters that no XML document may hold, escaped or not."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", value)


def github(model: str, gate: Gate) -> Iterable[str]:
    """An error annotation per breach, a warning for what cannot be told, and a notice with the verdict."""
    for finding in gate.of(Outcome.BREACH):
        yield _command("error", model, finding)
    for finding in gate.of(Outcome.NOT_EVALUATED):
        yield _command("warning", model, finding)
    yield f"::notice title={_property(f'Watchkeeper {model}')}::{_data(summary(gate))}"


def summary(gate: Gate) -> str:
    """The verdict, and how many subjects it rests on."""
    breaches, unknown, ok = (len(gate.of(one)) for one in (Outcome.BREACH, Outcome.NOT_EVALUATED, Outcome.OK))
    return f"{gate.verdict.replace('_', ' ')}: {breaches} in breach, {ok} within limits, {unknown} cannot be told"


def _command(level: str, model: str, finding: Finding) -> str:
    one = finding.measurement
    checked = one.check if one.check == subject(one) else f"{one.check} {subject(one)}".strip()
    named = f"{model} {finding.version}" if finding.version else model
    title = f"{named}: {checked}"
    return f"::{level} title={_property(title)}::{_data(sentence(one))}"


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
