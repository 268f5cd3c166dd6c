"""For all tests: a slow machine is no failure, so examples have no deadline; real servers are at hand."""

import os

import pytest
from hypothesis import settings

pytest_plugins = ["cluster", "databases", "elastic"]  # of tests/fixtures

settings.register_profile("earshot", deadline=None)
settings.load_profile("earshot")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In continuous integration nothing is skipped: what cannot be had there is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
