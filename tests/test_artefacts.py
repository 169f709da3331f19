"What stands in figures/ is what the committed records give, byte for byte."
import json

from fastseqtrack.artefacts import ARTEFACTS, draw

STABLE = (".csv", ".md", ".json", ".svg")  # a png differs with the zlib it was packed by


def test_artefacts_come_out_of_the_committed_records(root, tmp_path):
    assert draw(tmp_path) == []
    figures = root / "figures"
    manifest = json.loads((figures / "manifest.json").read_text(encoding="utf-8"))
    assert manifest.keys() == ARTEFACTS.keys()
    listed = {file for entry in manifest.values() for file in entry["files"]} | {"manifest.json"}
    assert {path.name for path in tmp_path.iterdir()} == listed == {path.name for path in figures.iterdir() if path.is_file()}
    differing = [file for file in listed if file.endswith(STABLE) and (tmp_path / file).read_bytes() != (figures / file).read_bytes()]
    assert not differing


def test_every_page_and_picture_has_its_data_beside_it(root):
    manifest = json.loads((root / "figures" / "manifest.json").read_text(encoding="utf-8"))
    for entry in manifest.values():
        data = {file.rpartition(".")[0] for file in entry["files"] if file.endswith(".csv")}
        assert {file.rpartition(".")[0] for file in entry["files"]} <= data, entry["files"]
