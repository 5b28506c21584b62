"""What all tests share: real servers, one network rule, and that nothing is skipped where all is required."""

import os
from collections.abc import Callable, Generator, Iterator

import pytest
from hypothesis import settings

from tests.lanes import Lanes, turn_of
from tests.servers import only_loopback
from tests.servers.parts import all_required
from tests.servers.postgres import Postgres, postgres_server

# How long an example takes says nothing on a machine that does other things as well.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    """Put the firewall up before the first test module is imported."""
    only_loopback.install()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: turn_of(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Lanes:
    """Keep the tests of a heavy part, or else of a file, on one worker."""
    return Lanes(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where every real part is required: CI must not pass by not looking."""
    report = yield
    if report.skipped and all_required() and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped although CALLVAULT_TEST_REQUIRE_ALL=1: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a skipped module into a failure likewise."""
    report = yield
    if report.outcome == "skipped" and all_required():
        report.outcome = "failed"
        report.longrepr = f"skipped although CALLVAULT_TEST_REQUIRE_ALL=1: {report.longrepr}"
    return report


TABLE = "table"  # a property of a test, whose lines are printed


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables that tests made: a plain run shows them, whichever worker made them."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, text in report.user_properties if report.when == "call" else ():
                if name == TABLE:
                    terminalreporter.write_line(str(text))


@pytest.fixture(scope="session")
def rounds() -> Callable[[int, int], int]:
    """Choose a campaign's size: ``rounds(50, 500)`` is 50, and 500 under `make soak`."""

    def choose(short: int, long: int) -> int:
        return long if os.environ.get("CALLVAULT_TEST_SOAK") == "1" else short

    return choose


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL server for the whole session (one per worker)."""
    with postgres_server() as running:
        yield running


@pytest.fixture
def postgres_database(postgres: Postgres) -> Iterator[str]:
    """An empty database of that server, as the URL that `database.url` takes, with its password."""
    with postgres.database() as url:
        yield url
