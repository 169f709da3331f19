"The installed package: it needs nothing but its requirements, and carries all it promises."
import ast
import json
import os
import re
import subprocess
import sys
import zlib
from configparser import ConfigParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PUBLIC = ["Tracker", "TrackResult", "create_model", "list_models", "load_checkpoint", "open_dataset"]

# Run before the program under test: developers' tools, the network and the GPU are not there.
BARREN = """
import socket
from importlib.machinery import PathFinder
ABSENT = {"nbdev", "fastcore", "IPython", "ipywidgets", "execnb", "jupyterlab", "jupyter", "pytest",
          "hypothesis"}
find_spec = PathFinder.find_spec

def find_nothing(name, path=None, target=None):
    return None if name.split(".")[0] in ABSENT else find_spec(name, path, target)

def no_network(*arguments, **options):
    raise OSError("there is no network in this test")

PathFinder.find_spec = find_nothing
socket.socket.connect = socket.create_connection = socket.getaddrinfo = no_network
"""


def run_barren(program: str, folder) -> str:
    """Run a program without tools, network or GPU, in an empty folder that is also its home; returns what
    it prints."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT),
                   "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, "-c", BARREN + program], cwd=folder, env=environment,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def settings() -> dict:
    "The project's configuration."
    config = ConfigParser(delimiters=["="])
    config.read(ROOT / "settings.ini", encoding="utf-8")
    return dict(config["DEFAULT"])


def distribution(folder) -> dict:
    "What setup.py in `folder` tells setuptools, and the data files a wheel would carry."
    program = """
import json
from distutils.core import run_setup
found = run_setup("setup.py", stop_after="init")
build = found.get_command_obj("build_py")
build.ensure_finalized()
data = [name for _, _, _, names in build.data_files for name in names]
modules = [".".join([*package.split("."), name][1:]) for package, name, _ in build.find_all_modules()]
print(json.dumps(dict(requires=found.install_requires, extras=found.extras_require, data=data,
                      modules=modules, scripts=found.entry_points["console_scripts"],
                      python=str(found.python_requires), long=found.metadata.long_description)))
"""
    done = subprocess.run([sys.executable, "-c", "import setuptools\n" + program], cwd=folder,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def imported(tmp_path_factory) -> dict:
    """What is to be seen after `import fastseqtrack`, and after importing each of its modules, in a barren
    world."""
    files = [path.relative_to(ROOT / "fastseqtrack") for path in (ROOT / "fastseqtrack").rglob("*.py")]
    modules = sorted(".".join(path.with_suffix("").parts) for path in files if not path.stem.startswith("_"))
    program = f"""
import importlib, json, os, sys
import fastseqtrack
seen = dict(loaded=list(sys.modules), files=os.listdir(), version=fastseqtrack.__version__)
seen["missing"] = [name for name in {PUBLIC} if not hasattr(fastseqtrack, name)]
for name in {modules}:
    importlib.import_module("fastseqtrack." + name)
print(json.dumps(seen | dict(gpu=sys.modules["torch"].cuda.is_initialized())))
"""
    return json.loads(run_barren(program, tmp_path_factory.mktemp("home")).splitlines()[-1])


def test_every_module_imports_without_tools_network_gpu_or_data(imported):
    # importing touches no GPU and leaves nothing behind
    assert not imported["gpu"] and imported["files"] == []


def test_public_names_are_there(imported):
    assert imported["missing"] == []


def test_version_is_that_of_the_settings(imported):
    assert imported["version"] == settings()["version"]


def test_importing_is_light(imported):
    assert {"matplotlib", "pandas", "seaborn", "ipywidgets"}.isdisjoint(imported["loaded"])


def test_the_barren_world_is_barren(tmp_path):
    for program in ("import nbdev", "import socket; socket.create_connection(('127.0.0.1', 9))"):
        with pytest.raises(AssertionError, match="No module named 'nbdev'|no network"):
            run_barren(program, tmp_path)


def test_imports_are_declared_requirements():
    declared = {re.split(r"[<>=]", word)[0] for word in settings()["requirements"].split()}
    declared |= {"cv2", "PIL", "fastseqtrack"} | set(sys.stdlib_module_names)
    developers = {"book": {"execnb", "nbdev"}, "runtime": {"onnxruntime"},  # extras
                  "export": {"onnx", "onnxruntime"}, "widgets": {"jupyter_bbox_widget"}}
    for path in (ROOT / "fastseqtrack").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        names = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
        names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
        allowed = declared | developers.get(path.stem, set())
        assert {name.split(".")[0] for name in names} <= allowed, path.name


def test_peers_are_reported_missing_beside_plain_opencv(tmp_path):
    program = """
import cv2
for name in ("TrackerCSRT_create", "TrackerKCF_create", "TrackerCSRT", "TrackerKCF", "legacy"):
    if hasattr(cv2, name):
        delattr(cv2, name)
from fastseqtrack.core import InputError
from fastseqtrack.tracking.opencv import missing_peers, peer_factory
print(*missing_peers())
try:
    peer_factory("opencv-csrt")
except InputError as error:
    print("contrib" in error.fix)
"""
    assert run_barren(program, tmp_path).split() == ["opencv-csrt", "opencv-kcf", "True"]


def test_setup_says_what_settings_say(copy):
    known, found = settings(), distribution(copy)
    assert found["requires"] == [str(Requirement(word)) for word in known["requirements"].split()]
    extras = "dev", "fast", "notebook", "site"
    assert found["extras"] == {name: known[f"{name}_requirements"].split() for name in extras}
    assert found["scripts"] == known["console_scripts"].split()
    assert found["python"] == f">={known['min_python']}"
    assert found["long"] == (copy / "README.md").read_text()


def test_a_wheel_carries_what_a_user_needs(root):
    """The models for real video, the clip and the split lists; the weights behind the tables and the book's
    tools stay in the checkout."""
    names = subprocess.run(["git", "ls-files", "fastseqtrack"], cwd=root, capture_output=True,
                           text=True).stdout.split()
    if not names:
        pytest.skip("not a git checkout")
    found = distribution(root)
    data = {Path(name).relative_to("fastseqtrack").as_posix() for name in names if not name.endswith(".py")}
    assert set(found["data"]) & data == {name for name in data
                                        if not name.startswith("weights/ablation_") and "_drawn." not in name}
    assert {"weights/fastseqtrack_nano.safetensors", "weights/fastseqtrack_small.json",
            "py.typed"} <= set(found["data"])
    files = [root / "fastseqtrack" / name for name in found["data"]]
    assert sum(len(zlib.compress(path.read_bytes()))
               for path in files) <= 12e6, "bytes of the data in a wheel"
    assert "models.exits" in found["modules"] and not {"book", "packages"} & set(found["modules"])


def test_shipped_weights_are_small_and_have_a_card(root):
    from fastseqtrack.training.ablation import VARIANTS
    weights = sorted((root / "fastseqtrack" / "weights").glob("*.safetensors"))
    shipped = {"fastseqtrack_nano", "fastseqtrack_small", "fastseqtrack_drawn", "seqtrack_drawn"}
    assert {path.stem for path in weights} == shipped | {f"ablation_{key}" for key in VARIANTS}
    assert sum(path.stat().st_size for path in weights) <= 46e6
    for path in weights:
        card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        assert path.stat().st_size <= 8 * 2**20
        assert {"command", "seed", "pairs", "hours", "device", "commit", "validation", "curve"} <= card.keys()


def test_committed_records_are_of_the_shipped_weights(root):
    """A record says of which weights and settings it is; drawn beside other weights it would be a number
    of nothing we ship."""
    from fastseqtrack.evaluation.records import open_entry, read_lines
    records, expected, found = root / "figures" / "records", {}, {}
    models = [*records.glob("ablation-test/ablation_*.jsonl"), *records.glob("synthetic-test/*_drawn.jsonl"),
              *records.glob("exits/*.jsonl")]
    # weights of further seeds do not ship
    for path in sorted(path for path in models if not re.search(r"_s[1-9]\d*$", path.stem)):
        how = dict(exit="none") if path.parent.name == "exits" else {}
        expected[path], found[path] = {open_entry(path.stem, **how).version}, {record["version"]
            for record in read_lines(path).values()}
    for path in sorted((records / "exits").glob("*-tau.json")):
        tracked = json.loads(path.read_text(encoding="utf-8"))
        taus = [run["tau"] for run in tracked["runs"]]
        expected[path] = [open_entry(tracked["model"], tau=tau).version
                          for tau in taus], open_entry(tracked["model"]).tracker.how["rule"].tau
        found[path] = [run["version"] for run in tracked["runs"]], tracked["own"]
    for path in sorted((records / "attention").glob("*.json")):
        expected[path], found[path] = open_entry(path.stem,
            exit="none").version, json.loads(path.read_text(encoding="utf-8"))["version"]
    assert {path.stem for path in found} >= {"fastseqtrack_drawn", "seqtrack_drawn"}
    assert not [path.relative_to(records).as_posix() for path in found if found[path] != expected[path]]
