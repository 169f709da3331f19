"What stands in figures/ is what the committed records give, byte for byte."
import json

from fastseqtrack.reproduce import choose, load_evidence, render


def test_artefacts_come_out_of_the_committed_records(root, tmp_path):
    assert render(tmp_path, choose(None), load_evidence()) == []
    manifest = json.loads((root / "figures" / "manifest.json").read_text(encoding="utf-8"))
    assert json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8")) == manifest
    data = [file for entry in manifest.values() for file in entry["files"] if file.endswith((".csv", ".md"))]
    differing = [file for file in data if (tmp_path / file).read_bytes() != (root / "figures" / file).read_bytes()]
    assert len(data) >= 7 and not differing
