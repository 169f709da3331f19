"""Real processes of a training, ended from outside: by signals, by `kill -9`, or by the end of another
process."""
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from fastseqtrack.training.run_folder import STATE, read_state

KILLS = int(os.environ.get("FASTSEQTRACK_KILLS", "3"))  # `make fuzz` takes more
SCRIPT = """
import sys
from dataclasses import replace
from fastseqtrack.models.presets import preset
from fastseqtrack.training.augment import PairConfig
from fastseqtrack.training.recipes import RECIPES
from fastseqtrack.training.trainer import train
recipe = RECIPES["fastseqtrack_drawn"]
data = replace(recipe.data, rendered=2, slots=8, length=10)
recipe = replace(recipe, pairs=int(sys.argv[2]), batch=4, report=8, validation_pairs=2, warmup=5, data=data)
config = preset("fastseqtrack_drawn", search=64, template=32, encoder_depth=1)
print("ready", flush=True)
try:
    train("tiny", sys.argv[1], config=config, recipe=recipe, workers=int(sys.argv[3]), threads=1,
    device="cpu")
except ValueError as error:
    sys.exit(str(error))
"""


def start(out: Path, pairs: int = 80, workers: int = 0) -> subprocess.Popen:
    "A training of a very small model in a process of its own, past its imports."
    command = [sys.executable, "-c", SCRIPT, str(out), str(pairs), str(workers)]
    environment = os.environ | dict(OMP_NUM_THREADS="1")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=environment)
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    return process


def wait_for(path: Path, process: subprocess.Popen) -> None:
    "Until a file is there, at most two minutes."
    for _ in range(1200):
        if path.exists() or process.poll() is not None:
            return
        time.sleep(0.1)
    raise AssertionError(f"no {path.name}")


def same_state(a: Path, b: Path) -> bool:
    "Whether two states have the same bytes in everything but the times: weights, average, optimiser, steps."
    first, second = (read_state(path / STATE, torch.device("cpu")) for path in (a, b))
    parts = ("learner", "average", "optimizer", "steps")
    tensors = [torch.utils._pytree.tree_leaves([state[key] for key in parts])
               for state in (first, second)]
    same = [torch.equal(x, y) if isinstance(x, torch.Tensor) else x == y
            for x, y in zip(*tensors, strict=True)]
    return all(same)


def test_killed_at_random_moments_it_ends_bit_identical(tmp_path):
    process = start(tmp_path / "whole")
    began = time.monotonic()
    assert process.wait(300) == 0, process.stderr.read()
    whole_time, chance, kills = time.monotonic() - began, random.Random(0), 0
    while kills < KILLS:
        process = start(tmp_path / "killed", workers=kills % 2)
        try:
            process.wait(chance.uniform(0, whole_time))
            break  # it was quicker than we were
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
    process = start(tmp_path / "killed")
    assert process.wait(300) == 0, process.stderr.read()
    assert kills > 0 and same_state(tmp_path / "whole", tmp_path / "killed")
    killed, whole = (tmp_path / name / "tiny.safetensors" for name in ("killed", "whole"))
    assert killed.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_the_work_and_says_how_to_go_on(tmp_path, number):
    process = start(tmp_path, pairs=400_000, workers=1)
    wait_for(tmp_path / STATE, process)
    before = read_state(tmp_path / STATE, torch.device("cpu"))["steps"]
    time.sleep(0.3)
    process.send_signal(number)
    assert process.wait(60) == 1
    message = process.stderr.read()
    assert number.name in message and "the same command goes on" in message
    assert read_state(tmp_path / STATE, torch.device("cpu"))["steps"] >= before
    assert (tmp_path / "tiny.safetensors").is_file() and (tmp_path / "tiny.json").is_file()


def test_two_trainings_never_share_a_folder(tmp_path):
    process = start(tmp_path, pairs=400_000)
    wait_for(tmp_path / STATE, process)
    second = start(tmp_path, pairs=400_000)
    try:
        assert second.wait(60) == 1
        assert f"process {process.pid}" in second.stderr.read()
    finally:
        process.kill()
        process.wait()
