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

from fastseqtrack.boxes import iou
from fastseqtrack.data.sequences import open_source
from fastseqtrack.data.synthetic import open_synthetic
from fastseqtrack.tracking.tracker import Tracker

ROOT = Path(__file__).resolve().parent.parent
MODEL = "fastseqtrack_nano"


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


def open_page(page, site):
    "Load the page and wait for its message: the network is open and the carton is shown."
    page.goto((site / "index.html").as_uri())
    page.wait_for_selector("#message:text('Drag a box')", timeout=120_000)


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
    page.wait_for_function(f"!page.running && page.results.length >= {frames}", timeout=120_000)
    return page.evaluate("page.results"), page.evaluate("page.box")


def both(browser, site, files, source, box):
    "The page, its results and those of Python, for the same files and the same first box."
    page = browser.new_page(bypass_csp=True)  # evaluating is what the page's policy forbids
    open_page(page, site)
    page.evaluate("page.source = null")
    page.set_input_files("#file", files)
    page.wait_for_function("page.source")
    page.wait_for_selector("#message:text('Drag a box')", timeout=60_000)
    drag(page, box)
    found, given = follow(page, 30)
    assert np.allclose(given, box, atol=1.5)  # a mouse has whole pixels
    tracker = Tracker(MODEL, device="cpu", runtime="eager")
    frames = iter(open_source(str(source)))
    tracker.init(next(frames), given)
    ours = [tracker.update(frame) for frame in frames]
    assert len(found) == len(ours) == 30
    return page, found, ours


def test_boxes_of_pictures_are_those_of_python(browser, site, clip):
    folder, box = clip
    pictures = sorted(folder.glob("*.png"))
    _, found, ours = both(browser, site, pictures, folder, box)
    assert max(np.abs(theirs["box"] - own.box).max() for theirs, own in zip(found, ours)) < 2
    assert np.allclose([one["score"] for one in found], [one.score for one in ours], atol=0.3)
    assert [one["exit"] for one in found] == [one.exit_layer for one in ours]


def test_a_video_is_read_frame_by_frame(browser, site, clip):
    folder, box = clip
    film = folder / "clip.mp4"
    page, found, ours = both(browser, site, film, film, box)
    assert min(iou(np.array(theirs["box"]), own.box) for theirs, own in zip(found[:3], ours[:3])) > 0.9
    seen = page.evaluate("[page.picture.width, page.picture.height, Array.from(page.picture.data)]")
    last = np.array(seen[2]).reshape(seen[1], seen[0], 4)[..., :3]
    frames = [frame.astype(int) for frame in open_source(str(film))]
    # two decoders differ by a few grey levels; the last frame is nearest to the last, not to its neighbour
    apart = [np.abs(frame - last).mean() for frame in frames]
    assert int(np.argmin(apart)) == 30 and apart[30] < 5


def test_page_runs_under_its_own_policy(browser, site):
    page, asked = browser.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    open_page(page, site)
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


def test_a_box_too_small_is_refused(browser, site):
    page = browser.new_page(bypass_csp=True)
    open_page(page, site)
    drag(page, (50, 50, 2, 2))
    page.wait_for_selector("#message:text('too small')")
    assert page.is_disabled("#start")
