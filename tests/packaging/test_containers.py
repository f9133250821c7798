"""The Dockerfile and docker-compose.yml keep their promises, as far as reading them can tell."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ["migrate", "collector", "worker", "dashboard"]
STAYING = ["postgres", "collector", "worker", "dashboard"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def instructions(name: str) -> list[str]:
    """The arguments of each such instruction, continuation lines joined, comments left out."""
    lines = [line for line in DOCKERFILE.splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return re.findall(rf"^{name}\s+(.*)$", joined, flags=re.MULTILINE)


def test_compose_runs_every_role_and_says_no_version() -> None:
    assert set(SERVICES) == {"postgres", *OURS}
    assert "version" not in COMPOSE


@pytest.mark.parametrize("name", ["collector", "worker", "dashboard"])
def test_services_wait_for_the_database_and_its_migration(name: str) -> None:
    assert SERVICES[name]["depends_on"] == {
        "postgres": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
    }


def test_the_migration_runs_once_when_the_database_answers() -> None:
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert SERVICES["migrate"]["restart"] == "no"


@pytest.mark.parametrize("name", STAYING)
def test_services_that_stay_are_watched_and_started_again(name: str) -> None:
    own = SERVICES[name].get("healthcheck")
    assert own is None or own["test"][0] == "CMD"
    assert own is not None or instructions("HEALTHCHECK"), "neither the service nor its image has a health check"
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", list(SERVICES))
def test_ports_are_open_on_this_machine_only(name: str) -> None:
    assert [port for port in SERVICES[name].get("ports", []) if not port.startswith("127.0.0.1:")] == []


@pytest.mark.parametrize("name", list(SERVICES))
def test_secrets_come_from_files(name: str) -> None:
    environment = SERVICES[name]["environment"]
    secret_names = {spec.name.upper() for spec in Settings.__dataclass_fields__.values() if spec.metadata["secret"]}
    telling = {
        key
        for key in environment
        if (key.removeprefix("WATCHKEEPER_") in secret_names or re.search("PASSWORD|SECRET|TOKEN|KEY", key))
        and not key.endswith("_FILE")
    }

    assert telling <= {"WATCHKEEPER_DATABASE_URL"}
    assert re.search(r"://[^/@]*:[^/@]*@", " ".join(environment.values())) is None, "a password in an address"
    assert all(COMPOSE["secrets"][secret].keys() == {"file"} for secret in SERVICES[name]["secrets"])


@pytest.mark.parametrize("name", OURS)
def test_settings_given_by_compose_exist(name: str) -> None:
    known = {f"WATCHKEEPER_{spec.upper()}" for spec in Settings.__dataclass_fields__}
    given = {key.removesuffix("_FILE") for key in SERVICES[name]["environment"] if key.startswith("WATCHKEEPER_")}

    assert given <= known


@pytest.mark.parametrize(("name", "port"), [("collector", "port"), ("dashboard", "dashboard_port")])
def test_ports_and_health_checks_follow_the_settings(name: str, port: str) -> None:
    default = getattr(Settings(), port)
    address = (
        SERVICES[name]["environment"].get("HEALTHCHECK_URL") or re.findall(r"HEALTHCHECK_URL=(\S+)", DOCKERFILE)[0]
    )

    assert SERVICES[name]["ports"] == [f"127.0.0.1:{default}:{default}"]
    assert f":{default}/" in address


def test_services_run_without_privileges() -> None:
    for name in OURS:
        assert SERVICES[name]["read_only"] is True
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]


def test_image_is_built_in_two_stages_from_a_pinned_base() -> None:
    first, second = instructions("FROM")

    assert first.split() == [second, "AS", "builder"]
    assert re.fullmatch(r"python:3\.\d+-slim-[a-z]+", second)


def test_image_runs_as_a_numbered_user_that_is_not_root() -> None:
    (user,) = instructions("USER")
    uid, gid = user.split(":")

    assert int(uid) >= 1000
    assert int(gid) >= 1000


def test_image_installs_locked_packages_only() -> None:
    installs = [part for line in instructions("RUN") for part in line.split("&&") if "pip install" in part]

    assert len(installs) == 3
    for install in installs:
        assert "--no-deps" in install
        assert "--no-build-isolation" in install
        assert "--require-hashes" in install or install.rstrip().endswith("--no-build-isolation .")


def test_everything_the_image_copies_is_sent_to_the_builder() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {source for line in instructions("COPY") if "--from" not in line for source in line.split()[:-1]}

    assert copied == sent
    assert all((ROOT / source).exists() for source in copied)
