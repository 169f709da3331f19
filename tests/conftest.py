"What the tests share: the checkout, a copy of it that a test may break, and the table of faults tried."

import os
import shutil
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TRIED: dict[str, dict] = {}  # by the name of a test: the fault, times tried, times something was lost


@pytest.fixture
def root() -> Path:
    "The checkout."
    return ROOT


@pytest.fixture
def copy(tmp_path) -> Path:
    "The notebooks, the package's sources and the settings in a new folder."
    for folder in ("nbs", "fastseqtrack"):
        shutil.copytree(
            ROOT / folder,
            tmp_path / folder,
            ignore=shutil.ignore_patterns("__pycache__", ".*", "*.safetensors"),
        )
    for file in ("settings.ini", "setup.py"):
        shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / "README.md").write_text("# Title\n")
    return tmp_path


def pytest_configure(config):
    config.addinivalue_line("markers", "fault(what, command): a fault, and a command that meets it")
    config.began = time.monotonic()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    "Count each call of a test that tries a fault: one try, or as many as it says by `record_property`."
    report = (yield).get_result()
    mark = item.get_closest_marker("fault")
    if mark and report.when == "call" and not report.skipped:
        row = dict(fault=mark.args[0], command=mark.args[1], tried=0, lost=0)
        row = TRIED.setdefault(item.function.__name__, row)
        row["tried"] += dict(report.user_properties).get("tried", 1)
        row["lost"] += report.failed
        write_table(item.config.began)


def write_table(began: float) -> None:
    "Write the table where `FASTSEQTRACK_FAULTS` names a file; a run that is ended keeps its part."
    if "FASTSEQTRACK_FAULTS" in os.environ:
        from fastseqtrack.core import provenance, write_json

        minutes = round((time.monotonic() - began) / 60, 1)
        table = provenance("make fuzz") | dict(minutes=minutes, rows=[*TRIED.values()])
        write_json(os.environ["FASTSEQTRACK_FAULTS"], table)
