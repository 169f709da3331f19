"""A data set is one record: put into `LAYOUTS`, every part of the package sees it.

And a folder of the user's is a data set."""
from pathlib import Path

import cv2
import numpy as np
import pytest

from fastseqtrack import open_dataset
from fastseqtrack.cli import doctor
from fastseqtrack.data.datasets import parse_data, survey
from fastseqtrack.data.layouts import LAYOUTS, Layout, Split
from fastseqtrack.evaluation.runner import Task
from fastseqtrack.training.mixture import open_mixture

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"


def write_sequence(folder: Path, file: str, rows: str, first: int = 1, pictures: str = "") -> None:
    "A sequence with a picture for each line of `rows`."
    (folder / pictures).mkdir(parents=True)
    (folder / file).write_text(rows)
    for number in range(rows.count("\n")):
        picture = np.full((60, 80, 3), 40 + 20 * number, np.uint8)
        cv2.imwrite(str(folder / pictures / f"{first + number:04}.jpg"), picture)


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    "A data set that the package has never heard of, in a folder of data sets."
    record = Layout("Zoo", "zoo", "https://example.org/zoo", dict(test=Split(("{name}/boxes.txt",), count=1)),
                    frames=("{number:04}.jpg",), first=0, protocol="mean-iou")
    monkeypatch.setitem(LAYOUTS, "zoo", record)
    write_sequence(tmp_path / "zoo" / "owl", "boxes.txt", "10,10,20,20\n12,10,20,20\n14,10,20,20\n", first=0)
    return tmp_path


def test_a_record_is_seen_by_the_whole_house(zoo):
    assert parse_data("zoo:test") == ("zoo", "test")
    assert [(one.name, len(one)) for one in open_dataset("zoo", zoo)] == [("owl", 3)]
    assert [(one.data, one.count) for one in survey(zoo)] == [("zoo:test", 1)]
    assert {one.name: one.faulty for one in doctor.data(zoo)}["zoo:test"] is False
    task = Task("zoo:test", root=str(zoo))
    assert (task.key, task.rule, len(task.sequences)) == ("zoo-test", "mean-iou", 1)
    sources, shares = open_mixture(["zoo:test", "synthetic:train"], zoo)
    assert len(sources) == 2 and shares == [0.5, 0.5] and sources[0][0].name == "owl"


def test_a_folder_is_a_data_set(tmp_path):
    own = tmp_path / "clips: 2026"
    write_sequence(own / "dog", "groundtruth_rect.txt", "10,10,20,20\n11,10,20,20\n", pictures="img")
    write_sequence(own / "kite", "groundtruth.txt", "10;10;20;20\nnan;nan;nan;nan\n12;10;20;20\n")
    task = Task(f"folder:{own}")
    assert [(one.name, len(one)) for one in task.sequences] == [("dog", 2), ("kite", 3)]
    assert task.rule == "mean-iou" and not set("/: ") & set(task.key.replace("clips: 2026", ""))
    sources, _ = open_mixture([f"folder:{own}"])
    assert [one.absent is None for one in sources[0]] == [True, False]


@pytest.mark.skipif(not (CORPUS / "val").is_dir(), reason="the corpus of real clips is not here")
def test_the_corpus_opens_as_a_folder():
    clips = open_dataset("folder", CORPUS / "val")
    assert len(clips) == 17 and sum(map(len, clips)) == 2482
    assert all(len(one.boxes) == len(one) and (one.boxes[0, 2:] > 0).all() for one in clips)
    assert all(one.frames[len(one) - 1].ndim == 3 for one in clips)
