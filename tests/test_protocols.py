"""The protocols give what the official evaluators give: on small cases everywhere, on the real annotations
where they are."""
import csv

import pytest

from fastseqtrack.metrics.reference import measure_examples, measure_set, measure_trackingnet, official_numbers, read_annotations, reference_folder  # noqa: E501

TOLERANCE = 1e-4  # percent points
SETS = {"lasot": (280, 685_360), "tnl2k": (700, 516_038), "vasttrack": (3500, 372_133)}  # sequences, frames


@pytest.fixture(scope="module")
def reference():
    "The folder of the official annotations and numbers."
    return reference_folder() or pytest.skip("the official annotations are not here: FASTSEQTRACK_REFERENCE "
                                             "names their folder")


@pytest.fixture
def committed(root) -> dict:
    "The rows of the committed comparison, by key."
    with open(root / "figures" / "records" / "golden.csv", newline="", encoding="utf-8") as file:
        return {(row["set"], row["tracker"], row["protocol"], row["score"]): row
                for row in csv.DictReader(file)}


def hold_against(ours: dict, committed: dict, data: set) -> None:
    "Every number of these sets, no more and no fewer, is the official one."
    assert ours.keys() == {key for key in committed if key[0] in data}
    assert {key: value for key, value in ours.items()
            if abs(value - float(committed[key]["expected"])) > TOLERANCE} == {}
    assert {key: value for key, value in ours.items()
            if abs(value - float(committed[key]["ours"])) > 2e-6} == {}


def test_small_cases(committed):
    hold_against(measure_examples(), committed, {"seven frames", "got10k"})


def test_committed_comparison_holds_the_official_numbers(reference, committed):
    official = official_numbers(reference)
    assert len(official) == 225 and official.keys() == committed.keys()
    assert max(abs(value - float(committed[key]["expected"])) for key, value in official.items()) <= 1e-6


def test_trackingnet_example(reference, committed):
    hold_against(measure_trackingnet(reference), committed, {"trackingnet"})


@pytest.mark.parametrize("name", SETS)
def test_real_annotations(name, reference, committed):
    truth = read_annotations(name, reference)
    assert (len(truth), sum(len(own.boxes) for own in truth)) == SETS[name]
    hold_against(measure_set(name, truth), committed, {name})
