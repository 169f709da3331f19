"""What stands in figures/ is what the committed records give: tables and data byte for byte, pictures as
pictures."""
import json

import matplotlib.pyplot as plt
import numpy as np
import pytest

from fastseqtrack.paper.artefacts import ARTEFACTS, draw

# a picture's pixels depend on the machine's fonts and rasteriser, these do not
DATA = (".csv", ".md", ".json")
# least share of pixels that differ from the commonest shade: an empty page has none, thin lines have 0.02
INK = 0.01


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    "All artefacts, drawn anew from the committed records."
    folder = tmp_path_factory.mktemp("figures")
    assert draw(folder) == []
    return folder


@pytest.fixture
def manifest(root):
    return json.loads((root / "figures" / "manifest.json").read_text(encoding="utf-8"))


def ink(path) -> float:
    "The share of a picture's pixels that differ from its commonest shade."
    grey = (255 * plt.imread(path)[..., :3].mean(-1)).round().astype(int)
    return 1 - np.bincount(grey.ravel()).max() / grey.size


def test_every_artefact_is_drawn_and_listed(root, drawn, manifest):
    listed = {file for entry in manifest.values() for file in entry["files"]} | {"manifest.json"}
    assert manifest.keys() == ARTEFACTS.keys()
    assert {path.name for path in drawn.iterdir()} == listed
    assert {path.name for path in (root / "figures").iterdir() if path.is_file()} == listed


def test_tables_and_data_come_out_of_the_committed_records(root, drawn):
    files = [path.name for path in drawn.iterdir() if path.suffix in DATA]
    assert len(files) >= 20
    assert [name for name in files
            if (drawn / name).read_bytes() != (root / "figures" / name).read_bytes()] == []


def test_pictures_are_drawn_at_their_size_and_not_blank(root, drawn):
    pictures = sorted(path.name for path in drawn.glob("*.png"))
    assert {"figure3.png", "figure4.png", "exits.png"} <= set(pictures)
    for name in pictures:
        sizes = [plt.imread(folder / name).shape for folder in (drawn, root / "figures")]
        # a font of another width may move an edge by a pixel
        assert np.abs(np.subtract(*sizes)).max() <= 2, name
        assert min(ink(folder / name) for folder in (drawn, root / "figures")) > INK, name
        assert "<path" in (drawn / name).with_suffix(".svg").read_text(encoding="utf-8"), name


def test_an_empty_page_would_be_noticed(tmp_path):
    for name, values in (("blank", []), ("line", [0, 1])):
        figure, axis = plt.subplots(figsize=(2, 2))
        axis.axis("off")
        axis.plot(values, linewidth=4)
        figure.savefig(tmp_path / f"{name}.png", dpi=100)
        plt.close(figure)
    assert ink(tmp_path / "blank.png") == 0 and ink(tmp_path / "line.png") > INK


def test_a_new_artefact_reaches_manifest_and_gallery(tmp_path, monkeypatch):
    import pandas as pd

    from fastseqtrack.paper.artefacts import Artefact
    from fastseqtrack.paper.tables import Drawn, write_table

    def write(out, evidence):
        return Drawn(write_table(out, "mine", pd.DataFrame(dict(a=[1])), "# Mine\n\nmy page\n"),
                     [dict(command="mine")])

    mine = dict(mine=Artefact("85_paper.artefacts", write, ("world",), "Mine", "My own table."))
    only = {name: ARTEFACTS[name] for name in ("small_scale", "gallery")}
    monkeypatch.setattr("fastseqtrack.paper.artefacts.ARTEFACTS", mine | only)
    assert draw(tmp_path) == []
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["mine"]["files"] == ["mine.csv", "mine.md"] and manifest["mine"]["command"] == "mine"
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "## Mine" in page and "my page" in page and "(mine.csv)" in page


def test_the_gallery_leads_to_every_file(root, manifest):
    page = (root / "figures" / "README.md").read_text(encoding="utf-8")
    files = {file for name, entry in manifest.items() if name != "gallery" for file in entry["files"]}
    assert [file for file in sorted(files) if f"]({file})" not in page] == []


def test_every_page_and_picture_has_its_data_beside_it(manifest):
    for name, entry in manifest.items():
        data = {file.rpartition(".")[0] for file in entry["files"] if file.endswith(".csv")}
        assert {file.rpartition(".")[0]
                for file in entry["files"]} <= data or name == "gallery", entry["files"]
