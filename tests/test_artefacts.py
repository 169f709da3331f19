"What stands in figures/ is what the committed records give: byte for byte, and pixel for pixel."
import json

import matplotlib.pyplot as plt
import numpy as np
import pytest

from fastseqtrack.paper.artefacts import ARTEFACTS, draw

STABLE = (".csv", ".md", ".json", ".svg")  # a png's bytes differ with the zlib it was packed by; its pixels do not
STEP, PIXELS = 3 / 255, 10  # rasterisers of two machines may round an edge differently: so far, at so many places; a digit is more


def same_picture(one, other) -> bool:
    "Whether two pictures show the same, but for what rounding does to a few edges."
    one, other = plt.imread(one), plt.imread(other)
    return one.shape == other.shape and int((np.abs(one - other).max(-1) > STEP).sum()) <= PIXELS


def test_artefacts_come_out_of_the_committed_records(root, tmp_path):
    assert draw(tmp_path) == []
    figures = root / "figures"
    manifest = json.loads((figures / "manifest.json").read_text(encoding="utf-8"))
    assert manifest.keys() == ARTEFACTS.keys()
    listed = {file for entry in manifest.values() for file in entry["files"]} | {"manifest.json"}
    assert {path.name for path in tmp_path.iterdir()} == listed == {path.name for path in figures.iterdir() if path.is_file()}
    differing = [file for file in listed if file.endswith(STABLE) and (tmp_path / file).read_bytes() != (figures / file).read_bytes()]
    assert not differing
    pictures = [file for file in listed if file.endswith(".png")]
    assert pictures and [file for file in pictures if not same_picture(tmp_path / file, figures / file)] == []


@pytest.mark.parametrize("text, size, same", [("58.6", 2, True), ("58.5", 2, False), ("58.6", 2.1, False)])
def test_one_other_digit_makes_another_picture(tmp_path, text, size, same):
    for name, label, width in [("first", "58.6", 2), ("second", text, size)]:
        figure = plt.figure(figsize=(width, 1))
        figure.text(0.5, 0.5, label, fontsize=6)
        figure.savefig(tmp_path / f"{name}.png", dpi=200)
        plt.close(figure)
    assert same_picture(tmp_path / "first.png", tmp_path / "second.png") == same


def test_every_page_and_picture_has_its_data_beside_it(root):
    manifest = json.loads((root / "figures" / "manifest.json").read_text(encoding="utf-8"))
    for entry in manifest.values():
        data = {file.rpartition(".")[0] for file in entry["files"] if file.endswith(".csv")}
        assert {file.rpartition(".")[0] for file in entry["files"]} <= data, entry["files"]
