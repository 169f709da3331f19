"An evaluation that is killed, at any moment and as often as one likes, ends like one that was not."
import json
import multiprocessing
import os
import random
import signal
import time

import numpy as np
import pytest

from fastseqtrack.evaluation.records import Entry
from fastseqtrack.evaluation.runner import Task, run_task

KILLS = int(os.environ.get("FASTSEQTRACK_KILLS", "20"))  # `make fuzz` takes more


class Steady:
    "A tracker without a network: its box moves with what it has seen, three milliseconds per frame."

    def init(self, image, box):
        self.box = np.array(box, float)

    def update(self, image):
        time.sleep(0.003)
        self.box = self.box + np.array([image.mean() / 1000, image[0].mean() / 2000, 0, 0])
        return self.box


def evaluate(out):
    "One real run: data, tracker, records, raw files."
    run_task(Task("synthetic:test", out, first=3), Entry("steady", Steady(), "1"), "test")


def results(out) -> dict:
    """All that a run leaves and that does not depend on the clock; locks and what a kill left half written
    are hidden files."""
    found = {}
    for path in sorted(path for path in out.rglob("*") if path.is_file() and not path.name.startswith(".")):
        name, text = path.relative_to(out).as_posix(), path.read_text(encoding="utf-8")
        if path.name.endswith("_time.txt"):
            text = len(text.splitlines())
        elif path.name == "steady.jsonl":
            text = [json.loads(line) | dict(seconds=0, fps=0) for line in text.splitlines()]
        found[name] = text
    return found


@pytest.mark.fault("kill -9 of an evaluation, then the same command",
                   "fastseqtrack evaluate --data synthetic:test --model NAME --out results")
def test_a_killed_evaluation_ends_like_one_that_was_not(tmp_path, record_property):
    record_property("tried", KILLS)
    evaluate(tmp_path / "calm")
    expected, rng, kills, rounds = results(tmp_path / "calm"), random.Random(0), 0, 0
    fork = multiprocessing.get_context("fork")
    while kills < KILLS:
        out = tmp_path / str(rounds)
        child = fork.Process(target=evaluate, args=(out,))
        child.start()
        child.join(rng.uniform(0.01, 0.3))
        if child.is_alive():
            os.kill(child.pid, signal.SIGKILL)
            kills += 1
            child.join()
        else:
            assert child.exitcode == 0 and results(out) == expected
            rounds += 1
    evaluate(out)
    assert results(out) == expected and len(expected) == 8
