"""A worker that, as the leader of its group, assigns the partition 3 to nobody."""

from __future__ import annotations

from typing import Any, Final

from faust.assignor.copartitioned_assignor import CopartitionedAssignor

from commands.console import run_cli
from streams.__main__ import cli

OMITTED: Final = 3
_assigned = CopartitionedAssignor.get_assignment


def _omitting(assignor: Any) -> Any:
    found = _assigned(assignor)
    for assignment in found.values():
        assignment.actives.discard(OMITTED)
    return found


CopartitionedAssignor.get_assignment = _omitting  # type: ignore[method-assign]

if __name__ == "__main__":
    run_cli(cli)
