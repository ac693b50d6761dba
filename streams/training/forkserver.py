"""What the forkserver of the training processes imports first; in any other process its import would change signals.

The forkserver is started with SIGINT blocked. From here on Ctrl-C ends it without a word while it loads libraries, and the
processes that it forks as well until they are at work; that they then ignore it is for `streams.training.pool` to arrange.
"""

import signal

from commands import startup

startup.begin()
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
