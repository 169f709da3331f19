"""Put the browser's tracker together: `python docs/track/pack.py FOLDER ONNXRUNTIME_WEB`.

Model, runtime and clip become scripts, because a page opened from a disk may load no other kind of file."""
import base64
import json
import shutil
import sys
from pathlib import Path

from fastseqtrack.cli.export import metadata, onnx_file
from fastseqtrack.core import PACKAGE
from fastseqtrack.models.checkpoints import open_model

HERE = Path(__file__).parent


def text(path: Path) -> str:
    "A file's bytes as base64."
    return base64.b64encode(path.read_bytes()).decode()


def model_script(name: str) -> str:
    "A model as `fastseqtrack export` writes it, and its metadata as numbers."
    model = open_model(name)
    about = {key: float(value) for key, value in metadata(model, name).items() if key != "model"}
    file = base64.b64encode(onnx_file(model, name)).decode()
    return f"const MODEL = {json.dumps(dict(about=about, file=file))};\n"


def pack(folder: Path, runtime: Path, name: str = "fastseqtrack_nano") -> None:
    "Write the page and what it needs into `folder`; `runtime` is onnxruntime-web's `dist`."
    folder.mkdir(parents=True, exist_ok=True)
    for file in ("index.html", "film.js", "page.js", "track.js"):
        shutil.copy(HERE / file, folder)
    shutil.copy(runtime / "ort.wasm.min.js", folder / "ort.js")
    glue, wasm = (runtime / f"ort-wasm-simd-threaded.{kind}" for kind in ("mjs", "wasm"))
    (folder / "wasm.js").write_text(f'const WASM_GLUE = {json.dumps(glue.read_text(encoding="utf-8"))};\n'
                                    f'const WASM = "{text(wasm)}";\n', encoding="utf-8")
    (folder / "model.js").write_text(model_script(name), encoding="utf-8")
    clip = ["data:image/jpeg;base64," + text(path) for path in sorted((PACKAGE / "clip").glob("*.jpg"))]
    (folder / "clip.js").write_text(f"const CLIP = {json.dumps(clip)};\n", encoding="utf-8")


if __name__ == "__main__":
    pack(*map(Path, sys.argv[1:3]))
