"""Import every module and follow a synthetic target: a check for systems on which the book is not run.

`python tests/synthetic_track.py`, with the package installed."""
import importlib
import pkgutil

import numpy as np

import fastseqtrack
from fastseqtrack.boxes import iou
from fastseqtrack.data.synthetic import open_synthetic

TOOLS = ("fastseqtrack.__main__", "fastseqtrack.book", "fastseqtrack.packages")  # they need a checkout


def main() -> None:
    "Raises what fails."
    for module in pkgutil.walk_packages(fastseqtrack.__path__, "fastseqtrack."):
        if module.name not in TOOLS:
            importlib.import_module(module.name)
    sequence = open_synthetic("test", 1, length=20)[0]
    tracker = fastseqtrack.Tracker("fastseqtrack_drawn", device="cpu")
    run = list(tracker.run(list(sequence.frames), sequence.boxes[0]))
    mean = np.mean([iou(result.box, truth) for result, truth in zip(run[1:], sequence.boxes[1:])])
    assert mean > 0.5, mean
    print(f"every module is imported; mean IoU over {len(run) - 1} frames: {mean:.2f}")


if __name__ == "__main__":
    main()
