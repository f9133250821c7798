"""Secrets are looked up by reference, and taken back out of what is said."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from app.core.errors import InvalidError
from app.services.secrets import SecretError, Secrets, check_reference


def test_from_the_environment_and_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret with blank"
    path.write_text("hunter2\n")
    secrets = Secrets({"NAME": "hunter3"})

    assert secrets.resolve(f"file:{path}") == "hunter2"
    assert secrets.resolve("env:NAME") == "hunter3"
    assert "hunter" not in repr(secrets)


def test_a_reference_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "lines").write_text("hunter2\nhunter3")
    secrets = Secrets({"EMPTY": "", "FOREIGN": "hünter2", "BROKEN": "hunter2\udc80"})

    for reference, said in [
        ("env:MISSING", "not set"),
        ("env:EMPTY", "not set"),
        ("env:FOREIGN", "no printable ASCII"),
        ("env:BROKEN", "no printable ASCII"),
        (f"file:{tmp_path}/lines", "no printable ASCII"),
        (f"file:{tmp_path}/missing", "FileNotFoundError"),
        (f"file:{tmp_path}/empty", "empty"),
        (f"file:{tmp_path}/binary", "UnicodeDecodeError"),
    ]:
        with pytest.raises(SecretError, match=said) as caught:
            secrets.resolve(reference)
        assert reference in str(caught.value)
        assert "nter" not in str(caught.value)


@pytest.mark.parametrize("text", ["env:SLACK_URL", "file:/run/secrets/slack", "file:secrets/slack"])
def test_references(text: str) -> None:
    check_reference("url", text)


@pytest.mark.parametrize("text", ["", "hunter2", "env:", "env:hunter 2", "file:", "ENV:hunter2", "env:A\nhunter2"])
def test_what_is_no_reference_is_not_repeated(text: str) -> None:
    with pytest.raises(InvalidError, match="env:NAME or file:PATH") as caught:
        check_reference("url", text)

    assert "hunter" not in str(caught.value)


def test_redaction() -> None:
    address = "https://hooks.example.org/services/T00/sEcReTtOkEn?key=hUnTeR2"
    secrets = Secrets({"PASSWORD": "correct horse", "URL": address})
    secrets.resolve("env:PASSWORD")
    secrets.resolve("env:URL")
    encoded = base64.b64encode(b"correct horse").decode()

    said = secrets.redact(
        f"{address} | /sEcReTtOkEn | hUnTeR2 | correct horse | {encoded} | hooks.example.org | https:"
    )

    assert said == "[secret] | /[secret] | [secret] | [secret] | [secret] | hooks.example.org | https:"
