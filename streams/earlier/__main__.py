"""`python -m streams.earlier`: answers questions on stdin for rows as of earlier dates, on stdout. A service starts it.

Compiled features take 120 MB, which the service would keep for good, and 500 rows take some seconds of a core, for which other
requests would wait. So this is a process of its own. It ends when its service closes stdin, or after ten minutes without a
question.
"""

from __future__ import annotations

import os
import select
import sys
from typing import Any, Final

from commands import startup

_IDLE_SECONDS: Final = 600.0
_QUESTIONS: Final = 0


def main() -> None:
    """Read the settings, then answer questions."""
    startup.begin()
    startup.stop_quietly()
    # Whatever a library prints goes to the log, and not between the answers.
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with startup.without("scipy", "cffi"):
        from streams.earlier.rows import EarlierRows
    from commands.logs import configure_logging
    from settings import Settings
    from state.earlier_messages import Question, encode_message, read_message

    values = read_message(_read, dict[str, Any])
    if values is None:
        return
    settings = Settings(_env_file=None, **values)
    configure_logging(settings)
    with EarlierRows(settings) as rows, open(answers, "wb") as out:  # noqa: PTH123 - a descriptor
        while select.select([_QUESTIONS], [], [], _IDLE_SECONDS)[0]:
            question = read_message(_read, Question)
            if question is None:
                return
            out.write(encode_message(rows.answer(question)))
            out.flush()


def _read(count: int) -> bytes:
    """So many bytes, or fewer at the end. Without a buffer, in which a question would wait unseen."""
    parts = []
    while count and (part := os.read(_QUESTIONS, min(count, 1 << 20))):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


if __name__ == "__main__":
    main()
