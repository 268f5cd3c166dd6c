"""For all tests: a slow machine is no failure, so examples have no deadline; hangs are what CI's own limit is for."""

from hypothesis import settings

settings.register_profile("earshot", deadline=None)
settings.load_profile("earshot")
