"""How the dashboard is started: what it listens to, and what leaves the machine."""

from __future__ import annotations

import pytest
from streamlit import config

from app.settings import Settings
from app.ui.run import options


def test_every_option_is_one_that_streamlit_has() -> None:
    assert set(options(Settings())) <= set(config._config_options_template)


def test_nothing_is_reported_and_no_address_is_looked_up() -> None:
    found = options(Settings())

    assert found["browser.gatherUsageStats"] is False
    assert found["logger.hideWelcomeMessage"] is True  # the message asks a server outside for our address
    assert found["server.headless"] is True


def test_no_click_waits_for_a_search_through_every_object_of_the_process() -> None:
    assert options(Settings())["runner.postScriptGC"] is False


@pytest.mark.parametrize(
    ("host", "public_url", "hosts"),
    [
        ("127.0.0.1", "", {"localhost", "127.0.0.1", "[::1]"}),
        ("localhost", "https://watch.example.org/x", {"localhost", "127.0.0.1", "[::1]", "watch.example.org"}),
        ("::1", "", {"localhost", "127.0.0.1", "[::1]", "::1"}),
        ("0.0.0.0", "https://watch.example.org", set()),
        ("watch.internal", "", set()),
    ],
)
def test_on_loopback_other_names_are_refused(host: str, public_url: str, hosts: set[str]) -> None:
    found = options(Settings(dashboard_host=host, public_url=public_url))

    assert set(found["server.allowedHosts"]) == hosts
    assert found["server.address"] == host
