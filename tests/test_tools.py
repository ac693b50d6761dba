"""A test whose program is absent is skipped with a reason, or fails where the program is required."""

from __future__ import annotations

import pytest

from tests.tools import find_program


def test_the_first_program_that_is_installed_is_found() -> None:
    assert find_program("no-such-program", "sh", required_by="REQUIRE_SHELL", advice="install it").endswith("/sh")


def test_an_absent_program_skips_or_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed: install it"):
        find_program("no-such-program", required_by="REQUIRE_SHELL", advice="install it")
    monkeypatch.setenv("REQUIRE_SHELL", "1")
    with pytest.raises(pytest.fail.Exception, match="REQUIRE_SHELL=1"):
        find_program("no-such-program", required_by="REQUIRE_SHELL", advice="install it")
