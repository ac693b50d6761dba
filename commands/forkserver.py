"""The first import of the forkserver. Do not import it anywhere else: it changes signals.

The forkserver starts with SIGINT blocked. From here on Ctrl-C ends it silently while it loads libraries, and its forks as well
until they have a job to run; from then on they ignore SIGINT (`commands.executor`).
"""

import signal

from commands import startup

startup.begin()
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
