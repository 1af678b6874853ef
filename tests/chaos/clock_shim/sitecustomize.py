"""Found by Python at its start when this folder is in PYTHONPATH: a clock that is ahead by what a file says.

Only `time.time` and `datetime.now` are. libfaketime, which would set everything, upsets the waits of Python's threads.
"""

import datetime as library
import os
import time

_FILE = os.open(os.environ["STOCKBELL_CHAOS_CLOCK"], os.O_RDONLY | os.O_CLOEXEC)
_real_time, _real = time.time, library.datetime


def _time() -> float:
    return _real_time() + float(os.pread(_FILE, 20, 0))


class _LikeReal(type):
    def __instancecheck__(cls, thing: object) -> bool:
        return isinstance(thing, _real)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, _real)


class _Clocked(_real, metaclass=_LikeReal):
    """Makes real datetimes; only "now" is another one."""

    def __new__(cls, *parts: object, **named: object) -> "_Clocked":
        return _real.__new__(_real, *parts, **named)  # type: ignore[arg-type, type-var, return-value]

    @classmethod
    def now(cls, tz: library.tzinfo | None = None) -> "_Clocked":
        return _real.fromtimestamp(_time(), tz)  # type: ignore[return-value]

    @classmethod
    def utcnow(cls) -> "_Clocked":
        return cls.now(library.UTC).replace(tzinfo=None)


time.time = _time
library.datetime = _Clocked  # type: ignore[misc]
