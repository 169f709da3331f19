"What the tests share: the checkout, and a copy of it that a test may break."
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def root() -> Path:
    "The checkout."
    return ROOT


@pytest.fixture
def copy(tmp_path) -> Path:
    "The notebooks, the package's sources and the settings in a new folder."
    for folder in ("nbs", "fastseqtrack"):
        shutil.copytree(ROOT / folder, tmp_path / folder,
                        ignore=shutil.ignore_patterns("__pycache__", ".*", "*.safetensors"))
    for file in ("settings.ini", "setup.py"):
        shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / "README.md").write_text("# Title\n")
    return tmp_path
