"""A clock that is wrong by what a file says, for a process that has this folder on its PYTHONPATH and STORM_CLOCK set.

The file holds seconds, and may change while the process runs. Monotonic clocks are left alone, as a wrong clock leaves them.
"""

from __future__ import annotations

import ctypes
import datetime as dt
import gc
import os
import time
from collections.abc import Callable
from pathlib import Path

_PATH = os.environ.get("STORM_CLOCK")
_LOOK_SECONDS = 0.2

if _PATH is not None:
    _file = Path(_PATH)
    _real, _real_ns, _monotonic = time.time, time.time_ns, time.monotonic
    _known = [-1.0, 0.0]

    def _offset() -> float:
        now = _monotonic()
        if now - _known[0] > _LOOK_SECONDS or _known[0] < 0:
            _known[:] = [now, float(_file.read_text() or 0) if _file.exists() else 0.0]
        return _known[1]

    def _time() -> float:
        return _real() + _offset()

    def _time_ns() -> int:
        return _real_ns() + int(_offset() * 1e9)

    time.time, time.time_ns = _time, _time_ns

    def _now(cls: type[dt.datetime], tz: dt.tzinfo | None = None) -> dt.datetime:
        return cls.fromtimestamp(_time(), tz)

    def _utcnow(cls: type[dt.datetime]) -> dt.datetime:
        return cls.fromtimestamp(_time(), dt.UTC).replace(tzinfo=None)

    def _today(cls: type[dt.date]) -> dt.date:
        return cls.fromtimestamp(_time())

    def _replace(kind: type, **methods: Callable[..., object]) -> None:
        """Give a built-in class other methods: a subclass in its place would not be the class that libraries test for."""
        (namespace,) = gc.get_referents(kind.__dict__)
        namespace.update({name: classmethod(method) for name, method in methods.items()})
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))

    _replace(dt.datetime, now=_now, utcnow=_utcnow, today=_now)
    _replace(dt.date, today=_today)
