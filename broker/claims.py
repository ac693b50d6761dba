"""Claims: the log of a changelog's partition itself shows which records count.

A worker that was frozen, or cut off from the group, may send records for a moment after another worker has taken over, and
Kafka accepts them. So a worker that gets a partition first writes a *claim*: a record that names the claim before it. A claim
counts only if the named claim is the standing claim, so of two simultaneous claims the first in the log wins. Every later
record names the claim under which it was written. A record under an earlier claim is *void* for all readers of the log: the
next owner, a replica, an audit.

Each record also gives the number of keys in the partition after it, and their digest. So a reader that has read the log to its
end can prove that nothing is missing.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

HEADER: Final = "claim"
#: Keys that begin with a zero byte are bookkeeping; no ticker does.
BOOKKEEPING: Final = b"\0"
#: Followed by the writer's name, so that compaction keeps the claims of different writers.
CLAIM_PREFIX: Final = BOOKKEEPING + b"claim/"
_FORMAT: Final = struct.Struct("<IQIQ")

Headers = Iterable[tuple[str, bytes]]


class Claim(NamedTuple):
    """The claim header of a record.

    `incarnation` counts rebuilds of the tables. `claim` is one more than the offset of the claim under which the record was
    written, 0 if there was none; in a claim itself, of the claim before it. `keys` and `digest` are those of the partition
    after this record.
    """

    incarnation: int
    claim: int
    keys: int
    digest: int


class Verdict(enum.Enum):
    """The meaning of a record to a reader that has read everything before it."""

    COUNTS = "counts"
    CLAIMED = "claimed"
    #: As CLAIMED, and everything before it is void: the tables were rebuilt.
    REBUILT = "rebuilt"
    VOID = "void"
    BOOKKEEPING = "bookkeeping"


class Standing(NamedTuple):
    """The claim that stands at some point of a partition's log."""

    incarnation: int = 0
    claim: int = 0

    def after(self, offset: int, key: bytes, headers: Claim | None, *, deleted: bool) -> tuple[Standing, Verdict]:
        """The standing after the record at `offset`, and the record's verdict.

        Older versions wrote records without a claim; they count until the first claim.
        """
        if key.startswith(CLAIM_PREFIX):
            return self._after_claim(offset, headers, deleted=deleted)
        if key.startswith(BOOKKEEPING):
            return self, Verdict.BOOKKEEPING
        if headers is None:
            return self, Verdict.COUNTS if self == FIRST else Verdict.VOID
        written = Standing(headers.incarnation, headers.claim)
        if written < self:
            return self, Verdict.VOID
        # A claim above the standing claim was removed by compaction after its writer had left.
        return written, Verdict.COUNTS

    def _after_claim(self, offset: int, headers: Claim | None, *, deleted: bool) -> tuple[Standing, Verdict]:
        if deleted or headers is None:
            return self, Verdict.BOOKKEEPING
        if headers.incarnation > self.incarnation:
            return Standing(headers.incarnation, offset + 1), Verdict.REBUILT
        if Standing(headers.incarnation, headers.claim) != self:
            return self, Verdict.VOID
        return Standing(headers.incarnation, offset + 1), Verdict.CLAIMED


FIRST: Final = Standing()


def encode_claim(claim: Claim) -> bytes:
    """The header's value."""
    return _FORMAT.pack(*claim)


def decode_claim(headers: Headers | None) -> Claim | None:
    """The claim in a record's headers, None if there is none or it is malformed."""
    for name, value in headers or ():
        if name == HEADER and value is not None and len(value) == _FORMAT.size:
            return Claim(*_FORMAT.unpack(value))
    return None
