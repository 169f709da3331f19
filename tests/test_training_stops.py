"""Real processes of a training, ended from outside: by signals, by `kill -9`, or by the end of another
process."""
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fastseqtrack.core import InputError
from fastseqtrack.models.presets import preset
from fastseqtrack.training.recipes import RECIPES
from fastseqtrack.training.run_folder import STATE, read_state
from fastseqtrack.training.trainer import train

KILLS = int(os.environ.get("FASTSEQTRACK_KILLS", "20"))  # `make fuzz` takes more


def small_training(out: str, pairs: int = 80, workers: int = 0) -> None:
    "Train a very small model; an error of ours ends the process with its message."
    recipe = RECIPES["fastseqtrack_drawn"]
    data = replace(recipe.data, rendered=2, slots=8, length=10)
    recipe = replace(recipe, pairs=pairs, batch=4, report=8, validation_pairs=2, warmup=5, data=data)
    config = preset("fastseqtrack_drawn", search=64, template=32, encoder_depth=1)
    try:
        train("tiny", out, config=config, recipe=recipe, workers=workers, threads=1, device="cpu")
    except InputError as error:
        sys.exit(str(error))


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from test_training_stops import small_training
print("ready", flush=True)
small_training(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
"""


def start(out: Path, pairs: int = 80, workers: int = 0) -> subprocess.Popen:
    "A training of a very small model in a process of its own, past its imports."
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), str(out), str(pairs), str(workers)]
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


@pytest.mark.fault("kill -9 of a training, then the same command: equal to the last bit",
                   "fastseqtrack train fastseqtrack_drawn --out run")
def test_killed_at_random_moments_it_ends_bit_identical(tmp_path, record_property):
    server = multiprocessing.get_context("forkserver")  # a process that has imported all, and has no threads
    server.set_forkserver_preload(["fastseqtrack.training.trainer"])
    chance, kills, rounds, whole = random.Random(0), 0, 0, tmp_path / "whole"
    longest = 0.0
    while kills < KILLS or rounds < 2:
        out = whole if not rounds else tmp_path / str(rounds)
        process = server.Process(target=small_training, args=(str(out), 80, kills % 2))
        process.start()
        began = time.monotonic()
        process.join(300 if not rounds or kills == KILLS else chance.uniform(0, longest))
        if process.is_alive():
            process.kill()
            process.join()
            kills += 1
            continue
        assert process.exitcode == 0
        longest, rounds = longest or time.monotonic() - began, rounds + 1
        killed = (out / "tiny.safetensors").read_bytes()
        assert same_state(whole, out) and killed == (whole / "tiny.safetensors").read_bytes()
    record_property("tried", kills)


@pytest.mark.fault("Ctrl-C or SIGTERM during a training", "fastseqtrack train ... --out run (Ctrl-C)")
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


@pytest.mark.fault("two trainings in one folder", "fastseqtrack train fastseqtrack_drawn --out run (twice)")
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
