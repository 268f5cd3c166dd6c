"""Exports of vendors, back offices and other crawlers: CSV, XLSX and JSONL become mentions.

`inspect` reads the head of a file and guesses; a person confirms; `remember` keeps the answer for files with
the same header; `raws` and `mapping` go to `Intake.take`, which does the rest. A row that cannot be used is
quarantined with its number and reason, and `mapping_of_source` maps it again when it is replayed.
"""

from crawlers.imports.files import Plan, Sheet, inspect, mapping, raws, source_name
from crawlers.imports.templates import mapping_of_source, remember

__all__ = ["Plan", "Sheet", "inspect", "mapping", "mapping_of_source", "raws", "remember", "source_name"]
