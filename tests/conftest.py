"""With ``CI=true`` a test that is skipped has failed, save those that need Maven."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

NEEDS_MAVEN = "needs_maven"


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of the tests that may be skipped even in CI."""
    config.addinivalue_line("markers", f"{NEEDS_MAVEN}: compiles Java against Maven's central index")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure that gives its reason."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and item.get_closest_marker(NEEDS_MAVEN) is None:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {reason}"
    return report
