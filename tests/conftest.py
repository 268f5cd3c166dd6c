"""For all tests: a slow machine is no failure, so examples have no deadline; real servers are at hand."""

from hypothesis import settings

pytest_plugins = ["cluster"]  # tests/fixtures/cluster.py

settings.register_profile("earshot", deadline=None)
settings.load_profile("earshot")
