"""For all tests: a slow machine is no failure, so examples have no deadline; real servers are at hand."""

from hypothesis import settings

pytest_plugins = ["cluster", "databases", "elastic"]  # of tests/fixtures

settings.register_profile("earshot", deadline=None)
settings.load_profile("earshot")
