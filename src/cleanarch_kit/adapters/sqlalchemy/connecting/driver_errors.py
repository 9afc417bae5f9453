"""Telling what a driver's error means, without telling what it says.

PostgreSQL's drivers give an SQLSTATE, MariaDB's and MySQL's an error number, SQLite's an error name. Classes and texts
differ from driver to driver, and texts hold user data: nothing but the name of a constraint is ever taken from one.
"""

import sqlite3
from collections.abc import Callable, Mapping

import sqlalchemy as sa
from sqlalchemy import exc

from cleanarch_kit.adapters.sqlalchemy.connecting.constraint_names import (
    mysql_check,
    mysql_foreign_key,
    mysql_unique,
    postgresql_constraint,
    sqlite_check,
    sqlite_unique,
)
from cleanarch_kit.application.tracking.usage_guard import STATEMENT_FAILED
from cleanarch_kit.errors import (
    CleanArchError,
    DuplicateError,
    ForeignKeyError,
    RefusedValueError,
    StorageError,
    StorageFullError,
    TransientError,
    UnitOfWorkStateError,
)

__all__ = ["is_settled", "translate"]

_Orig = BaseException
_Maker = Callable[[_Orig, sa.MetaData | None], CleanArchError]


def _duplicate(name: Callable[[_Orig, sa.MetaData | None], str | None]) -> _Maker:
    return lambda orig, metadata: DuplicateError(name(orig, metadata))


def _transient(reason: str) -> _Maker:
    return lambda _orig, _metadata: TransientError(reason)


def _refused(rule: str, name: Callable[[_Orig, sa.MetaData | None], str | None] | None = None) -> _Maker:
    return lambda orig, metadata: RefusedValueError(rule, None if name is None else name(orig, metadata))


def _full(_orig: _Orig, _metadata: sa.MetaData | None) -> CleanArchError:
    return StorageFullError()


def _read_only(_orig: _Orig, _metadata: sa.MetaData | None) -> CleanArchError:
    return UnitOfWorkStateError("this unit of work is read-only: open one without read_only=True to change anything")


def _failed_before(_orig: _Orig, _metadata: sa.MetaData | None) -> CleanArchError:
    return UnitOfWorkStateError(STATEMENT_FAILED)


_LOST = "connection lost"
_LENGTH = "is too long"
_RANGE = "is out of range"
_CHECK = "is against a check"
_MISSING = "must not be missing"
_FORM = "does not have the form or type of its column"

_SQLSTATES: Mapping[str, _Maker] = {
    "23505": _duplicate(postgresql_constraint),
    "23P01": _duplicate(postgresql_constraint),
    "23503": lambda orig, metadata: ForeignKeyError(postgresql_constraint(orig, metadata)),
    "23502": _refused(_MISSING),
    "23514": _refused(_CHECK, postgresql_constraint),
    "22001": _refused(_LENGTH),
    "22003": _refused(_RANGE),
    "22008": _refused(_RANGE),
    "25006": _read_only,
    "25P02": _failed_before,
    "25P03": _transient("idle for too long in a transaction"),
    "40001": _transient("serialization failure"),
    "40P01": _transient("deadlock"),
    "53100": _full,
    "53300": _transient("too many connections"),
    "55P03": _transient("lock not available"),
    "57014": _transient("statement timed out"),
}
_SQLSTATE_CLASSES: Mapping[str, _Maker] = {
    "08": _transient(_LOST),
    "22": _refused(_FORM),
    "40": _transient("transaction rolled back"),
    "53": _transient("server short of resources"),
    "57": _transient("server shutting down"),
}
_ERRNOS: Mapping[int, _Maker] = {
    **dict.fromkeys((1022, 1062, 1169, 1586), _duplicate(mysql_unique)),
    **dict.fromkeys(
        (1216, 1217, 1451, 1452), lambda orig, metadata: ForeignKeyError(mysql_foreign_key(orig, metadata))
    ),
    **dict.fromkeys((1048, 1364), _refused(_MISSING)),
    **dict.fromkeys((3819, 4025), _refused(_CHECK, mysql_check)),
    1406: _refused(_LENGTH),
    **dict.fromkeys((1264, 1690), _refused(_RANGE)),
    **dict.fromkeys((1265, 1292, 1366, 1411, 3140), _refused(_FORM)),
    1213: _transient("deadlock"),
    1020: _transient("serialization failure"),
    **dict.fromkeys((1205, 3572), _transient("lock not available")),
    **dict.fromkeys((1969, 3024), _transient("statement timed out")),
    **dict.fromkeys((1040, 1203, 1226), _transient("too many connections")),
    **dict.fromkeys((1053, 1077), _transient("server shutting down")),
    **dict.fromkeys((1927, 2002, 2003, 2006, 2013, 2055), _transient(_LOST)),
    **dict.fromkeys((1021, 1041, 1114), _full),
    1792: _read_only,
}
_SQLITE_NAMES: Mapping[str, _Maker] = {
    "SQLITE_CONSTRAINT_UNIQUE": _duplicate(sqlite_unique),
    "SQLITE_CONSTRAINT_PRIMARYKEY": _duplicate(lambda _orig, _metadata: "primary_key"),
    "SQLITE_CONSTRAINT_ROWID": _duplicate(lambda _orig, _metadata: "primary_key"),
    "SQLITE_CONSTRAINT_FOREIGNKEY": lambda _orig, _metadata: ForeignKeyError(None),
    "SQLITE_CONSTRAINT_NOTNULL": _refused(_MISSING),
    "SQLITE_CONSTRAINT_CHECK": _refused(_CHECK, sqlite_check),
    "SQLITE_BUSY": _transient("database busy"),
    "SQLITE_LOCKED": _transient("database busy"),
    "SQLITE_INTERRUPT": _transient("statement interrupted"),
    "SQLITE_CANTOPEN": _transient("database cannot be opened"),
    "SQLITE_FULL": _full,
    "SQLITE_READONLY": _read_only,
    "SQLITE_TOOBIG": _refused(_LENGTH),
    "SQLITE_MISMATCH": _refused(_FORM),
}


def translate(error: BaseException, metadata: sa.MetaData | None = None) -> CleanArchError | None:
    """The error of ours for a driver's or SQLAlchemy's, with the driver's on ``orig``.

    Args:
        error: what was raised.
        metadata: where to look up constraints that the driver does not name.

    Returns:
        The error to raise ``from None``, or None for one that is not about the store.
    """
    orig = error.orig or error if isinstance(error, exc.StatementError) else error
    if isinstance(orig, CleanArchError):
        return orig
    problem = _problem(error, orig, metadata)
    if isinstance(problem, StorageError):
        problem.orig = orig
    return problem


def is_settled(error: BaseException) -> bool:
    """Tell whether an error of COMMIT says for certain that nothing was committed.

    Only an answer of the database says so: anything that looks like a broken connection does not.
    """
    if not isinstance(error, exc.DBAPIError) or error.connection_invalidated:
        return False
    code = _code(error.orig)
    if isinstance(code, str):
        return not code.startswith(("08", "57P", "40003"))
    return isinstance(code, int) and code < 2000 and code not in {1053, 1077, 1927}


def _problem(error: BaseException, orig: BaseException, metadata: sa.MetaData | None) -> CleanArchError | None:
    if isinstance(error, exc.TimeoutError):
        return TransientError("no free connection in the pool")
    if isinstance(error, exc.PendingRollbackError):
        return _failed_before(orig, metadata)
    if isinstance(error, exc.DBAPIError | sqlite3.Error):
        return _driver_problem(error, orig, metadata)
    if isinstance(error, exc.StatementError | UnicodeError | OverflowError):
        return RefusedValueError(_FORM)
    if isinstance(error, OSError):
        return TransientError("database cannot be reached")
    return None


def _driver_problem(error: BaseException, orig: BaseException, metadata: sa.MetaData | None) -> CleanArchError:
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return TransientError(_LOST)
    code = _code(orig)
    make = _maker(code)
    return make(orig, metadata) if make else _by_class(error, code)


def _code(orig: BaseException | None) -> str | int | None:
    """SQLSTATE, error number or error name, whichever the driver has."""
    if isinstance(orig, sqlite3.Error):
        return getattr(orig, "sqlite_errorname", None)
    sqlstate: str | None = getattr(orig, "sqlstate", None)
    number = orig.args[0] if orig is not None and orig.args else None
    return number if isinstance(number, int) else sqlstate


def _maker(code: str | int | None) -> _Maker | None:
    if code is None:
        return None
    if isinstance(code, int):
        return _ERRNOS.get(code)
    if code.startswith("SQLITE_"):
        # Names of extended codes begin with the name of the plain one: SQLITE_BUSY_SNAPSHOT.
        return _SQLITE_NAMES.get(code) or _SQLITE_NAMES.get("_".join(code.split("_")[:2]))
    return _SQLSTATES.get(code) or _SQLSTATE_CLASSES.get(code[:2])


def _by_class(error: BaseException, code: str | int | None) -> CleanArchError:
    if code is None and isinstance(error, exc.OperationalError | exc.InterfaceError):
        return TransientError(_LOST)
    if isinstance(error, exc.DataError):
        return RefusedValueError(_FORM)
    return StorageError(f"the store refused a statement (code {code}): its own error is on .orig")
