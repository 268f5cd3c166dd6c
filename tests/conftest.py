"""For all tests: a slow machine is no failure, so examples have no deadline."""

from hypothesis import settings

settings.register_profile("earshot", deadline=None)
settings.load_profile("earshot")
