"""`python -m marketdata.session_days_command XNYS XLON`: the days of these calendars' sessions, in msgpack.

For processes that must not carry pandas and the calendars' library all day (`marketdata.session_days`).
"""

from __future__ import annotations

import sys

from marketdata.calendars import library_days
from marketdata.session_days import encode_days

if __name__ == "__main__":
    sys.stdout.buffer.write(encode_days({name: library_days(name) for name in sys.argv[1:]}))
