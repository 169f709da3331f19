"The browser's tracker beside Python's: the same frames and first box, in headless Chromium, from a disk."
import importlib.util
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from fastseqtrack.data.sequences import open_source
from fastseqtrack.data.synthetic import open_synthetic
from fastseqtrack.tracking.tracker import Tracker

ROOT = Path(__file__).resolve().parent.parent
MODEL = "fastseqtrack_nano"
PATIENCE = 300_000  # milliseconds; on a machine of their own these tests take seconds


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    "onnxruntime-web's files: those of `make site`, or from npm."
    built = ROOT / "_docs" / "npm" / "package" / "dist"
    if built.is_dir():
        return built
    if not shutil.which("npm"):
        pytest.skip("npm is not installed: apt-get install npm")
    folder = tmp_path_factory.mktemp("npm")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    package = makefile.split("ONNX_WEB := ")[1].split()[0]
    done = subprocess.run(["npm", "pack", "--silent", package], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"npm cannot get {package}: {done.stderr.strip()[-200:]}")
    shutil.unpack_archive(folder / done.stdout.strip(), folder, "gztar")
    return folder / "package" / "dist"


@pytest.fixture(scope="module")
def browser():
    "Headless Chromium of this system."
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install 'fastseqtrack[dev]'")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with playwright.sync_playwright() as tools:
        opened = tools.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def site(runtime, tmp_path_factory):
    "The page and all it needs, in a folder."
    spec = importlib.util.spec_from_file_location("pack", ROOT / "docs" / "track" / "pack.py")
    pack = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pack)
    folder = tmp_path_factory.mktemp("site") / "html" / "track"
    pack.pack(folder, runtime, MODEL)
    return folder


@pytest.fixture(scope="module")
def page(browser, site):
    "The page, opened once."
    opened = browser.new_page(bypass_csp=True)  # evaluating is what the page's policy forbids
    open_page(opened, site)
    return opened


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    "31 frames of the synthetic world, as pictures and as H.264, and the box of the first."
    sequence = open_synthetic("test", 1, length=31)[0]
    folder = tmp_path_factory.mktemp("clip")
    height, width = (side // 2 * 2 for side in sequence.frames[0].shape[:2])
    with av.open(str(folder / "clip.mp4"), "w") as file:
        stream = file.add_stream("libx264", rate=Fraction(25), options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number, frame in enumerate(sequence.frames):
            cv2.imwrite(str(folder / f"{number:03}.png"), frame[..., ::-1])
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        file.mux(stream.encode())
    return folder, sequence.boxes[0]


def write_film(path, random, size, pix_fmt="yuv420p", options=None, turn=(1, 0, 0, 1)):
    "Five frames of coloured patches that change, as H.264, to be shown turned by a matrix."
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=Fraction(25), options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        for _ in range(5):
            patches = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            picture = cv2.resize(patches, size, interpolation=cv2.INTER_NEAREST)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
    before, track = path.read_bytes().split(b"tkhd")
    path.write_bytes(before + b"tkhd" + track.replace(matrix_bytes(1, 0, 0, 1), matrix_bytes(*turn), 1))
    return path


def matrix_bytes(a, b, c, d):
    "A matrix in the header of a track, as MP4 writes it."
    return np.array([a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30], ">i4").tobytes()


def open_page(page, site):
    "Load the page and wait for its message: the network is open and the carton is shown."
    page.goto((site / "index.html").as_uri(), timeout=PATIENCE)
    page.wait_for_selector("#message:text('Drag a box')", timeout=PATIENCE)


def drag(page, box):
    "Drag a box, in pixels of the frame, on the page's canvas."
    shown, width = page.locator("#frame").bounding_box(), page.evaluate("canvas.width")
    scale = shown["width"] / width
    x, y, w, h = box
    page.mouse.move(shown["x"] + x * scale, shown["y"] + y * scale)
    page.mouse.down()
    for part in (0.5, 1.0):
        page.mouse.move(shown["x"] + (x + part * w) * scale, shown["y"] + (y + part * h) * scale)
    page.mouse.up()


def follow(page, frames):
    "Press Follow and wait for that many results."
    page.click("#start")
    page.wait_for_function(f"!page.running && page.results.length >= {frames}", timeout=PATIENCE)
    return page.evaluate("page.results"), page.evaluate("page.box")


def both(page, files, source, box):
    "The page's results and those of Python, for the same files and the same first box."
    page.evaluate("page.source = null")
    page.set_input_files("#file", files)
    page.wait_for_function("page.source", timeout=PATIENCE)
    page.wait_for_selector("#message:text('Drag a box')", timeout=PATIENCE)
    drag(page, box)
    found, given = follow(page, 30)
    assert np.allclose(given, box, atol=1.5)  # a mouse has whole pixels
    tracker = Tracker(MODEL, device="cpu", runtime="eager")
    frames = iter(open_source(str(source)))
    tracker.init(next(frames), given)
    ours = [tracker.update(frame) for frame in frames]
    assert len(found) == len(ours) == 30
    return found, ours


def test_boxes_of_pictures_are_those_of_python(page, clip):
    folder, box = clip
    pictures = sorted(folder.glob("*.png"))
    found, ours = both(page, pictures, folder, box)
    assert max(np.abs(theirs["box"] - own.box).max() for theirs, own in zip(found, ours)) < 2
    assert np.allclose([one["score"] for one in found], [one.score for one in ours], atol=0.3)
    assert [one["exit"] for one in found] == [one.exit_layer for one in ours]


def test_boxes_of_a_video_are_those_of_python(page, clip):
    folder, box = clip
    film = folder / "clip.mp4"
    found, ours = both(page, film, film, box)
    assert max(np.abs(theirs["box"] - own.box).max() for theirs, own in zip(found, ours)) < 2
    assert [one["exit"] for one in found] == [one.exit_layer for one in ours]


HD = {"x264-params": "colorprim=bt709:transfer=bt709:colormatrix=bt709"}
FILMS = {  # what a film states about its colours, and sizes that are cut from whole blocks
    "bt601": dict(size=(322, 242)),
    "bt709": dict(size=(640, 360), options=HD),
    "full range": dict(size=(320, 240), pix_fmt="yuvj420p"),
    "upright": dict(size=(320, 240), turn=(0, 1, -1, 0)),
    "upside down": dict(size=(320, 240), turn=(-1, 0, 0, -1)),
    "upright, other side": dict(size=(320, 240), turn=(0, -1, 1, 0)),
}


@pytest.mark.parametrize("kind", FILMS)
def test_pixels_of_a_video_are_those_of_python(page, tmp_path, kind):
    film = write_film(tmp_path / "film.mp4", np.random.default_rng(0), **FILMS[kind])
    frames = list(open_source(str(film)))
    page.evaluate("page.source = null")
    page.set_input_files("#file", film)
    page.wait_for_function("page.source", timeout=PATIENCE)
    for number in (0, 3, 4):
        page.evaluate(f"page.source.read({number})")
        seen = page.evaluate("[page.picture.width, page.picture.height, Array.from(page.picture.data)]")
        pixels = np.array(seen[2]).reshape(seen[1], seen[0], 4)[..., :3]
        assert (pixels == frames[number]).all(), number


def test_page_runs_under_its_own_policy(browser, site):
    page, asked = browser.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    open_page(page, site)
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


def test_a_box_too_small_is_refused(page):
    page.click("#clip")
    page.wait_for_selector("#message:text('Drag a box')", timeout=PATIENCE)
    drag(page, (50, 50, 2, 2))
    page.wait_for_selector("#message:text('too small')", timeout=PATIENCE)
    assert page.is_disabled("#start")
