"""What PostgreSQL refuses, in one sentence with what to do. Only what an operator can mend: a bug in a statement
surfaces as it is."""

from __future__ import annotations

import re

import psycopg
from psycopg import errors

from index.errors import StoreError

UNUSABLE = (
    psycopg.OperationalError,  # connecting, broken connections, disk, memory, locks, shutdown
    errors.InsufficientPrivilege,
    errors.ReadOnlySqlTransaction,
    errors.InvalidSchemaName,
    errors.DataCorrupted,
    errors.IndexCorrupted,
    errors.InvalidPassword,
    errors.InvalidCatalogName,
    errors.IdleInTransactionSessionTimeout,
)
# SQLSTATE of a statement, or words of a connection that was refused: those come without a code.
_REMEDIES = (
    (
        r"28P01|password authentication failed|no password supplied",
        "Put the user's password into EARSHOT_RECORDS_PASSWORD, in the environment or .env.",
    ),
    (r'3D000|database ".*" does not exist', "Create it: createdb --owner USER --encoding UTF8 DATABASE"),
    (r'role ".*" does not exist', "Create the user: createuser --pwprompt USER"),
    (r"no pg_hba.conf entry", "Allow this machine and user in the server's pg_hba.conf."),
    (
        r"certificate|SSL|sslmode|root\.crt",
        "Check sslmode and sslrootcert in the address, and the server's certificate.",
    ),
    (
        r"42501",
        "Let the user own the database: ALTER DATABASE ... OWNER TO ...; tables others made: REASSIGN OWNED BY ...",
    ),
    (r"3F000", "Create the schema that search_path in the address names."),
    (r"25006|57P03.*recovery", "It is a standby or set to read-only: name the primary in `records`."),
    (r"53100|No space left", "Make room on the server's disk; nothing was lost, work goes on by itself."),
    (r"53300|too many clients|connection slots", "Raise max_connections, or run fewer processes."),
    (r"55P03", "Another process has been writing for long; if it lasts, look for it in pg_stat_activity."),
    (r"25P03", "This machine stood still in the middle of a change, which was undone; it is tried again."),
    (r"XX001|XX002", "The server's files are damaged: restore the newest backup."),
)
_UNREACHABLE = "Check that the server runs, the address, the network and the firewall."


def explained(error: psycopg.Error, address: str) -> StoreError:
    """The error of an operator for one of UNUSABLE."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = lines[-1] if lines else type(error).__name__
    facts = f"{error.sqlstate or ''} {error}"
    remedy = next((remedy for pattern, remedy in _REMEDIES if re.search(pattern, facts)), _UNREACHABLE)
    return StoreError(f"{address} cannot be used: {told.rstrip('.')}. {remedy}")
