"""What users do by mistake, and what fails under them: nothing is lost, nothing is silently wrong.

Each test names the fault and a command that meets it. `make fuzz` writes the table of the faults' chapter."""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import safetensors.torch
import torch
from click.testing import CliRunner
from PIL import Image

from fastseqtrack import Tracker, create_model, load_checkpoint
from fastseqtrack.boxes import draw_box
from fastseqtrack.cli.main import main
from fastseqtrack.core import WEIGHTS, InputError, UsageError
from fastseqtrack.data.datasets import open_dataset
from fastseqtrack.data.images import as_frame
from fastseqtrack.data.sequences import open_source
from fastseqtrack.evaluation.result_files import read_rows, write_raw
from fastseqtrack.tracking.base import TrackResult, filmstrip
from fastseqtrack.tracking.opencv import Peer
from fastseqtrack.widgets import pick_box, show_run

RAMP = np.repeat(np.tile(np.linspace(40, 160, 128, dtype=np.uint8), (96, 1))[..., None], 3, axis=2)
# eager: the same boxes as ONNX Runtime, without the seconds in which that is proven
MODEL = ["--model", "fastseqtrack_drawn", "--device", "cpu", "--runtime", "eager", "--box", "50,40,24,24"]
WHOLE = WEIGHTS / "fastseqtrack_drawn.safetensors"
THOROUGH = int(os.environ.get("FASTSEQTRACK_FUZZ", "0")) >= 10_000  # `make fuzz`: every case, not a sample


@contextmanager
def limit(seconds: int):
    "Nothing may hang: after so many seconds the body is ended, and the test fails."

    def stop(*_):
        raise AssertionError(f"it was not done after {seconds} seconds")

    kept = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, kept)


def run(*words) -> tuple[int, str, str]:
    "A command in this process: exit code, stdout, stderr. An unexpected exception is raised again."
    with limit(60):
        done = CliRunner().invoke(main, [str(word) for word in words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def refused(*words) -> str:
    "The message of a command that must end with exit code 1 or 2 and say why."
    code, _, message = run(*words)
    assert code in (1, 2) and "Error: " in message and "Traceback" not in message, message
    return message


def film(path: Path, codec: str = "libx264", frames: int = 8, **options) -> Path:
    "A film of a moving ramp, with noise as every camera has it."
    noise = np.random.default_rng(0)
    with av.open(str(path), "w", options=options) as made:
        stream = made.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(frames):
            picture = np.roll(RAMP, 3 * number, 1) + noise.integers(0, 30, RAMP.shape, dtype=np.uint8)
            made.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        made.mux(stream.encode(None))
    return path


def clips(folder: Path, shift: int = 0) -> Path:
    "A data set of the user's: two sequences of four frames."
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for number in range(4):
            cv2.imwrite(str(folder / name / f"{number + 1:08}.jpg"), np.roll(RAMP, 3 * number + shift, 1))
        rows = "".join(f"{20 + 3 * number + shift},30,24,20\n" for number in range(4))
        (folder / name / "groundtruth.txt").write_text(rows)
    return folder


def files(folder) -> dict:
    "All files below a folder, with their bytes."
    return {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    "Every test works in an empty folder."
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Outputs never take what is read


@pytest.mark.fault(
    "an output is the source, the weights, or another output", "fastseqtrack track a.mp4 --video a.mp4"
)
@pytest.mark.parametrize(
    "source, options",
    [
        ("a.mp4", ["--video", "a.mp4"]),
        ("a.mp4", ["--out", "a.mp4"]),
        ("a.mp4", ["--first-frame", "a.mp4"]),
        ("a.mp4", ["--out", "./x/../a.mp4"]),
        ("a.mp4", ["--out", "soft.mp4"]),
        ("a.mp4", ["--video", "hard.mp4"]),
        ("soft.mp4", ["--video", "a.mp4"]),
        ("file://a.mp4", ["--out", "a.mp4"]),
        ("a.mp4", ["--out", "own.safetensors"]),
        ("a.mp4", ["--out", "x.mp4", "--video", "x.mp4"]),
        ("a.mp4", ["--out", "x.mp4", "--video", "x/../x.mp4"]),
        ("frames", ["--out", "frames/1.png"]),
        ("frames", ["--first-frame", "frames/new.png"]),
        ("a.mp4", ["--video", "/dev/null"]),
        ("a.mp4", ["--out", "/dev/null"]),
        ("a.mp4", ["--out", "pipe"]),
        ("a.mp4", ["--video", "frames"]),
        ("a.mp4", ["--out", "-", "--json"]),
        ("a.mp4", ["--video", "-"]),
        ("a.mp4", ["--out", "/dev/stdout"]),
        ("a.mp4", ["--first-frame", "/dev/stdout"]),
        ("a.mp4", ["--out", "notes.txt"]),
        ("a.mp4", ["--out", "other.safetensors"]),
        ("a.mp4", ["--first-frame", "other.safetensors"]),
        ("a.mp4", ["--video", "caf\udce9.mp4"]),
    ],
)
def test_outputs_take_nothing(place, source, options):
    film(place / "a.mp4")
    shutil.copy(WHOLE, place / "own.safetensors")
    shutil.copy(WHOLE, place / "other.safetensors")
    (place / "notes.txt").write_text("my notes")
    (place / "soft.mp4").symlink_to("a.mp4")
    os.link("a.mp4", "hard.mp4")
    os.mkfifo("pipe")
    for name in ("x", "frames"):
        (place / name).mkdir()
    cv2.imwrite("frames/1.png", RAMP)
    before = files(place)
    refused(
        "track", source, *MODEL, "--model", "own.safetensors", *options
    )
    assert files(place) == before


@pytest.mark.fault("an argument is empty: an unset shell variable", 'fastseqtrack track a.mp4 --out "$UNSET"')
@pytest.mark.parametrize(
    "words",
    [
        ["track", ""],
        ["track", "a.mp4", "--out", ""],
        ["track", "a.mp4", "--out="],
        ["track", "a.mp4", "--video", " "],
        ["track", "a.mp4", "--checkpoint", ""],
        ["track", "a.mp4", "--model", ""],
        ["track", "a.mp4", "--device", ""],
        ["evaluate", "--data", ""],
        ["evaluate", "--data", "got10k:test", "--results", ""],
        ["doctor", "--root", ""],
        ["train", "fastseqtrack_drawn", "--out", ""],
        ["train", "fastseqtrack_drawn", "--out", "x", "--init-from", "\t"],
    ],
)
def test_empty_arguments(place, words):
    assert "is empty" in refused(*words) and not files(place)


@pytest.mark.fault(
    "two runs write outputs of one name at once", "fastseqtrack track a.mp4 --video x.mp4 (twice)"
)
def test_two_runs_of_one_stem(place):
    from fastseqtrack.data.images import VideoFile, count_frames

    with VideoFile(place / "x.mp4") as one, VideoFile(place / "x.mp4") as other:
        for _ in range(6):
            one.write(RAMP)
            other.write(RAMP[:, ::-1])
        other.close()
        assert count_frames(place / "x.mp4") == 6
    assert count_frames(place / "x.mp4") == 6 and len(files(place)) == 1


@pytest.mark.fault("the disk is full", "fastseqtrack track a.mp4 --video x.mp4 --out boxes.txt")
@pytest.mark.parametrize("room", [1_000, 20_000] if THOROUGH else [1_000])
@pytest.mark.parametrize("option", ["--video=x.mp4", "--out=x.txt", "--first-frame=x.png"])
def test_full_disk(place, room, option):
    "A limit of the size of files stands for the disk's: the system's writers fail in the same place."
    film(place / "a.mp4", frames=60)
    if room > 10_000 and "video" not in option:
        pytest.skip("this output is smaller")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        code, _, message = run("track", "a.mp4", *MODEL, option)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    finished = Path(option.partition("=")[2])
    assert code == 1 and "fix: " in message and "Traceback" not in message, message
    assert finished.suffix == ".txt" or not finished.exists()
    assert {path.name for path in place.iterdir()} <= {"a.mp4", "x.txt"}


@pytest.mark.fault(
    "weights of the user's lie in the folder of a new run",
    "fastseqtrack train fastseqtrack_drawn --out mine --init-from mine/fastseqtrack_drawn.safetensors",
)
@pytest.mark.parametrize(
    "more",
    [
        [],
        ["--init-from", "mine/fastseqtrack_drawn.safetensors"],
        ["--init-from", "mine/fastseqtrack_drawn.safetensors", "--restart"],
    ],
)
def test_weights_of_the_user_stay(place, more):
    (place / "mine").mkdir()
    shutil.copy(WHOLE, "mine")
    assert "would be overwritten" in refused(
        "train", "fastseqtrack_drawn", "--out", "mine", "--device", "cpu", *more
    )
    assert Path("mine", WHOLE.name).read_bytes() == WHOLE.read_bytes()


# Films

KINDS = dict(
    mkv="libx264",
    webm="libvpx",
    avi="mjpeg",
    mp4="libx264",
    mov="libx264",
    ts="libx264",
    m2ts="libx264",
    flv="flv1",
    mpg="mpeg2video",
    h264="libx264",
    ivf="libvpx",
    wmv="wmv2",
)


def frames_of(path) -> tuple[int, str]:
    "How many frames can be read, and the error after them."
    count = 0
    try:
        with limit(30):
            for frame in open_source(path):
                assert frame.dtype == np.uint8 and frame.ndim == 3
                count += 1
    except InputError as error:
        return count, str(error)
    return count, ""


@pytest.mark.fault(
    "a good film of another container or frame rate", "fastseqtrack track clip.mkv --box ... --json"
)
@pytest.mark.parametrize("ending, codec", KINDS.items())
def test_whole_films_are_whole(place, ending, codec):
    assert frames_of(film(place / f"a.{ending}", codec, 24)) == (24, "")


def later(path: Path, hours: int) -> Path:
    "A film that begins after so many hours, as those of a recorder that never stops."
    with av.open(str(path), "w") as made:
        stream = made.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number in range(8):
            frame = av.VideoFrame.from_ndarray(np.roll(RAMP, 3 * number, 1))
            frame.pts = number + hours * 3600 * 25
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    return path


@pytest.mark.fault("a good film that begins late", "fastseqtrack track recorder.mkv --box ... --json")
@pytest.mark.parametrize("ending", ["mkv", "mp4", "mov", "ts", "flv"])
def test_films_that_begin_late_are_whole(place, ending):
    assert frames_of(later(place / f"a.{ending}", 1)) == (8, "")


@pytest.mark.fault("films that were joined by `cat`", "cat 1.ts 2.ts > 12.ts; fastseqtrack track 12.ts ...")
@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_joined_films_are_whole(place, codec):
    whole = film(place / "a.ts", codec, 20).read_bytes()
    Path("both.ts").write_bytes(whole + whole)
    assert frames_of("both.ts") == (40, "")


@pytest.mark.fault("a server that does not answer", "fastseqtrack track http://camera/film.mp4 --box ...")
def test_a_silent_server_is_an_error(monkeypatch):
    monkeypatch.setattr("fastseqtrack.data.sequences.PATIENCE", 1.0)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert frames_of(f"http://127.0.0.1:{server.getsockname()[1]}/a.mp4")[1]


@pytest.mark.fault(
    "a film that was cut off while it was copied", "fastseqtrack track half.mkv --box ... --out boxes.txt"
)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.8, 0.93] if THOROUGH else [0.5])
@pytest.mark.parametrize("ending", [ending for ending in KINDS if ending not in ("wmv", "ivf")])
def test_cut_films_are_told(place, ending, share):
    whole = film(place / f"a.{ending}", KINDS[ending], 60).read_bytes()
    Path(f"cut.{ending}").write_bytes(whole[: int(len(whole) * share) | 1])
    count, error = frames_of(f"cut.{ending}")
    assert count <= 60 and error, (count, error)


@pytest.mark.fault(
    "an animation as the source: all its pictures count", "fastseqtrack track anim.webp --box ... --json"
)
@pytest.mark.parametrize("ending", ["webp", "png", "gif", "tif", "apng", "avif"])
def test_animations(place, ending):
    pictures = [Image.fromarray(np.roll(RAMP, 3 * number, 1)) for number in range(5)]
    form = dict(format="PNG") if ending == "apng" else {}
    pictures[0].save(f"a.{ending}", save_all=True, append_images=pictures[1:], **form)
    assert frames_of(f"a.{ending}") == (5, "")
    raw = Path(f"a.{ending}").read_bytes()
    for share in (0.3, 0.7, 0.95):
        Path(f"cut.{ending}").write_bytes(raw[: int(len(raw) * share)])
        count, error = frames_of(f"cut.{ending}")
        assert count < 5 and error, (ending, share)


SHARED = Path(__file__).resolve().parents[2] / "shared" / "faults"


@pytest.mark.fault(
    "films that were called damaged by the count in their header", "fastseqtrack track vfr2.mkv --box ..."
)
@pytest.mark.parametrize(
    "name, count",
    dict(base=30, vfr2=30, audiofirst=30, editlist=25, twostreams=30, av1=30, fps90000=30, anim=30).items(),
)
@pytest.mark.skipif(not SHARED.is_dir(), reason="the files that failed once are not here")
def test_films_that_failed_once(place, name, count):
    path = next(SHARED.glob(f"{name}.*"))
    code, out, message = run("track", path, *MODEL, "--json", "--video", "v.mp4", "--out", "b.txt")
    assert code == 0 and json.loads(out)["frames"] == count == len(Path("b.txt").read_text().splitlines())


@pytest.mark.fault("frames of a folder that cannot be frames", "fastseqtrack track frames/ --box ...")
@pytest.mark.parametrize(
    "spoil, fails",
    [
        (lambda folder: (folder / "1b.png").mkdir(), False),
        (lambda folder: (folder / "note.txt").touch(), False),
        (lambda folder: (folder / ".hidden.png").touch(), False),
        (lambda folder: (folder / "9.png").touch(), True),
        (lambda folder: (folder / "1b.png").symlink_to("gone"), True),
        (lambda folder: os.mkfifo(folder / "9.png"), True),
        (
            lambda folder: Image.fromarray(RAMP).save(
                folder / "9.gif", save_all=True, append_images=[Image.fromarray(RAMP[:, ::-1])]
            ),
            True,
        ),
    ],
)
def test_odd_files_among_frames(place, spoil, fails):
    (place / "frames").mkdir()
    for number in range(3):
        cv2.imwrite(f"frames/{number}.png", RAMP)
    spoil(place / "frames")
    count, error = frames_of("frames")
    assert bool(error) == fails and (fails or count == 3)


@pytest.mark.fault(
    "a source that no file, camera or address can be", "fastseqtrack track 99999999999999999999 --box ..."
)
@pytest.mark.parametrize(
    "source",
    [
        -1,
        2**70,
        True,
        None,
        1.5,
        b"a.mp4",
        "",
        "\0",
        "x" * 300,
        "x" * 5000,
        "9" * 20,
        "٣",
        "none.mp4",
        "/dev/zero",
        "udp://127.0.0.1:1",
        "http://127.0.0.1:1/x.mp4",
        "pipe:0",
        "concat:a|b",
        "%d.png",
        [],
        iter([]),
        [None],
        ["none.png"],
        [RAMP / 255],
        [RAMP.astype(bool)],
        [[[1, 2], [3]]],
        [torch.zeros(4, 4, device="meta")],
        [torch.eye(4).to_sparse()],
        [torch.zeros(9, 9, 3, dtype=torch.complex64)],
        object(),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_sources_that_are_none(source):
    with pytest.raises(InputError), limit(30):
        list(open_source(source))


@pytest.mark.fault("a file name that is not UTF-8", "fastseqtrack track $'caf\\xe9.mp4' --box ...")
@pytest.mark.parametrize(
    "name", [b"caf\xe9.mp4", b"\xff\xfe.mkv", b"a\nb.mp4", "näme.mp4".encode(), b"-.mp4", b"0"]
)
def test_strange_names(place, name):
    strange = os.fsdecode(name)
    film(place / "a.mkv").rename(strange)
    assert frames_of(strange) == (8, "")


# Images, boxes and numbers


@pytest.mark.fault(
    "an image of another kind than 8-bit RGB", "Tracker().init(PIL.Image.open('rotated.jpg'), box)"
)
@pytest.mark.parametrize(
    "mode", ["L", "LA", "P", "PA", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB", "1", "I;16", "I", "F", "La"]
)
def test_pictures_of_every_mode(mode):
    picture = Image.fromarray(RAMP).convert("L").convert(mode) if mode in ("I", "F", "I;16") else None
    picture = picture or Image.fromarray(RAMP).convert("LA" if mode == "La" else mode).convert(mode)
    if mode in ("I", "F", "La"):  # more than 8 bits, or no way to RGB
        with pytest.raises(InputError):
            as_frame(picture)
    elif mode == "I;16":
        assert (as_frame(picture) == (RAMP / 257).round()).all()
    else:
        assert (as_frame(picture) == np.asarray(picture.convert("RGB"))).all()


@pytest.mark.fault("a turned picture (EXIF)", "fastseqtrack track phone.jpg --box ...")
@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_turned_pictures(place, turn, ending):
    from PIL import ImageOps

    note = Image.Exif()
    note[0x0112] = turn
    Image.fromarray(RAMP).save(f"a.{ending}", exif=note)
    with Image.open(f"a.{ending}") as picture:
        upright = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
        assert (as_frame(picture) == upright).all()
    first = next(iter(open_source(f"a.{ending}")))
    assert first.shape == upright.shape and np.abs(first.astype(int) - upright).mean() < 2


@pytest.mark.fault("a first box that is none", "fastseqtrack track a.mp4 --box 1_0,2,3,4")
@pytest.mark.parametrize(
    "box",
    [
        "",
        "1,2,3",
        "1,2,3,4,5",
        "a,b,c,d",
        "nan,2,3,4",
        "1e999,2,3,4",
        "1_0,2,3,4",
        "１,2,3,4",
        "50,40,0,0",
        "50,40,-5,5",
        "5000,0,5,5",
        "0,0,1e9,1e9",
        "-100,-100,5,5",
    ],
)
def test_first_boxes(place, box):
    film(place / "a.mp4")
    refused("track", "a.mp4", *MODEL[:6], f"--box={box}", "--out", "b.txt")
    assert not Path("b.txt").exists()


@pytest.mark.fault(
    "targets and frames of a few pixels", "fastseqtrack evaluate --model opencv-mil --data folder:clips"
)
@pytest.mark.parametrize("size", [(1, 1), (2, 2), (5, 5), (9, 9), (12, 12), (1, 100), (100, 1)])
@pytest.mark.parametrize("name", ["opencv-csrt", "opencv-kcf", "opencv-mil", "fastseqtrack_drawn"])
def test_small_frames(name, size):
    picture = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    tracker = Peer(name) if name.startswith("opencv") else Tracker(name, "cpu", runtime="eager")
    with warnings.catch_warnings(), limit(30):
        try:
            boxes = [result.box for result in tracker.run([picture] * 3, (0, 0, size[1], size[0]))]
        except InputError:
            return
    assert all(np.isfinite(box).all() and (box[2:] > 0).all() for box in boxes)
    if not name.startswith("opencv"):
        assert all(
            box[0] >= 0 and box[1] >= 0 and box[0] + box[2] <= size[1] and box[1] + box[3] <= size[0]
            for box in boxes
        )


@pytest.mark.fault(
    "numbers that only Python reads, or nobody", "fastseqtrack evaluate --data ... --results theirs"
)
@pytest.mark.parametrize(
    "text",
    [
        "1_0,2,3,4\n",
        "１,2,3,4\n",
        "٣,2,3,4\n",
        "0x10,2,3,4\n",
        "1e400,2,3,4\n",
        "inf,2,3,4\n",
        "True,2,3,4\n",
        "1j,2,3,4\n",
        "1,2,3\n",
        "1,2,3,4,5\n",
        "x,y,w,h\n",
        "\0\n",
        "1,5,2,5,3,5,4,5\n",
    ],
)
def test_numbers_that_are_none(place, text):
    Path("a.txt").write_text(text, encoding="utf-8")
    with pytest.raises(InputError):
        read_rows("a.txt", 4)
    clips(place / "clips")
    (place / "clips" / "a" / "groundtruth.txt").write_text(text * 4, encoding="utf-8")
    with pytest.raises(InputError):
        open_dataset("folder", place / "clips")


@pytest.mark.fault(
    "results of another form: from 1, corners, centres, other first box",
    "fastseqtrack evaluate --results theirs",
)
@pytest.mark.parametrize("change", ["+1", "corners", "corners+1", "centres", "other"])
def test_first_rows_are_compared(place, change, caplog):
    folder = clips(place / "clips")
    (place / "theirs").mkdir()
    for name in ("a", "b"):
        rows = np.loadtxt(folder / name / "groundtruth.txt", delimiter=",")
        moved = {
            "+1": rows + [1, 1, 0, 0],
            "corners": np.c_[rows[:, :2], rows[:, :2] + rows[:, 2:]],
            "corners+1": np.c_[rows[:, :2] + 1, rows[:, :2] + rows[:, 2:]],
            "centres": np.c_[rows[:, :2] + rows[:, 2:] / 2, rows[:, 2:]],
            "other": rows / 2,
        }[change]
        np.savetxt(place / "theirs" / f"{name}.txt", moved, delimiter=",")
    assert run("evaluate", "--data", "folder:clips", "--results", "theirs")[0] == 0
    assert "first row" in caplog.text


@pytest.mark.fault(
    "a result file was emptied or cut", "fastseqtrack evaluate --data ... --model ... --out results (again)"
)
@pytest.mark.parametrize("left", [0, 1, 9, -1])
def test_emptied_results_are_made_again(place, left):
    clips(place / "clips")
    command = ["evaluate", "--data", "folder:clips", "--model", "opencv-kcf", "--out", "o", "--json"]
    first, path = run(*command), place / "o" / "folder-clips" / "opencv-kcf" / "a.txt"
    whole = path.read_text()
    path.write_text(whole[:left])
    refused("evaluate", "--data", "folder:clips", "--results", path.parent) if left != -1 else None
    assert (
        json.loads(run(*command)[1])["scores"] == json.loads(first[1])["scores"] and path.read_text() == whole
    )


@pytest.mark.fault("two folders of one name", "fastseqtrack evaluate --data folder:other/clips --out results")
def test_two_folders_of_one_name(place):
    for number, where in enumerate(("one", "two")):
        clips(place / where / "clips", 7 * number)
    assert run("evaluate", "--data", "folder:one/clips", "--model", "opencv-kcf", "--out", "o")[0] == 0
    before = files(place / "o")
    assert "another folder" in refused(
        "evaluate", "--data", "folder:two/clips", "--model", "opencv-kcf", "--out", "o"
    )
    assert files(place / "o") == before


@pytest.mark.fault(
    "records, cards and lists that are damaged", "fastseqtrack evaluate ...; fastseqtrack doctor"
)
@pytest.mark.parametrize(
    "content",
    [
        b"\xff",
        b"[]\n",
        b"3\n",
        b"[" * 100_000 + b"\n",
        b'{"sequence":"a"}\n',
        b"\0\n",
        b'{"sequence":"a","boxes":[[1,2,3]]}\n',
        b'"x"\n',
        b"null\n",
    ],
)
def test_damaged_records_and_cards(place, content):
    clips(place / "clips")
    command = ["evaluate", "--data", "folder:clips", "--model", "opencv-kcf", "--out", "o"]
    run(*command)
    for name in ("opencv-kcf", "truth"):
        path = place / "o" / "folder-clips" / f"{name}.jsonl"
        kept = path.read_bytes()
        path.write_bytes(content if content.endswith(b"\n") else content + b"\n")
        refused(*command)
        path.write_bytes(kept)
    shutil.copy(WHOLE, "w.safetensors")
    Path("w.json").write_bytes(content)
    if content != b'{"sequence":"a"}\n' and b"boxes" not in content:
        with pytest.raises(InputError):
            Tracker("w.safetensors", "cpu")


# Weights and settings


def spoilt(value: float, name: str) -> str:
    "The shipped weights with one value changed."
    tensors = safetensors.torch.load_file(WHOLE)
    with safetensors.safe_open(WHOLE, "pt") as file:
        note = file.metadata()
    key = sorted(tensors)[len(tensors) // 2]
    tensors[key].view(-1)[0] = value
    safetensors.torch.save_file(tensors, name, note)
    return name


@pytest.mark.fault(
    "weights that are NaN or infinite", "fastseqtrack track a.mp4 --model diverged.safetensors --box ..."
)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite(value):
    with pytest.raises(InputError, match="NaN or infinite"):
        Tracker(spoilt(value, "w.safetensors"), "cpu")


@pytest.mark.fault("a network whose output is not finite", "Tracker(model).update(frame)")
def test_output_that_is_not_finite_is_no_box():
    model = create_model("fastseqtrack_drawn", "default")
    with torch.no_grad():
        next(value for name, value in model.named_parameters() if "head" in name).view(-1)[0] = float("nan")
    with pytest.warns(UserWarning, match="not finite") as told:
        results = list(Tracker(model, "cpu").run([RAMP] * 4, (50, 40, 24, 24)))
    assert len(told) == 1
    assert all(not result.ok and result.box.tolist() == [50, 40, 24, 24] for result in results[1:])


@pytest.mark.fault(
    "a checkpoint that is cut, another file, or a program",
    "fastseqtrack track a.mp4 --checkpoint cut.pth.tar",
)
@pytest.mark.parametrize("share", [0, 1e-4, 0.1, 0.5, 0.999])
@pytest.mark.parametrize("ending", ["safetensors", "pth.tar"])
def test_cut_checkpoints(place, share, ending):
    if ending == "pth.tar":
        torch.save({"net": create_model("fastseqtrack_drawn").state_dict()}, "whole")
    else:
        shutil.copy(WHOLE, "whole")
    Path(f"cut.{ending}").write_bytes(Path("whole").read_bytes()[: int(Path("whole").stat().st_size * share)])
    with pytest.raises(InputError):
        load_checkpoint(create_model("fastseqtrack_drawn"), f"cut.{ending}")
    refused("train", "fastseqtrack_drawn", "--out", "t", "--device", "cpu", "--init-from", f"cut.{ending}")


@pytest.mark.fault(
    "a pickle from outside that runs a program", "fastseqtrack track a.mp4 --checkpoint evil.pth"
)
@pytest.mark.parametrize("protocol", range(5))
def test_no_pickle_is_executed(place, protocol):
    import pickle

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(place / "fired"),)

    Path("a.pth").write_bytes(pickle.dumps({"net": Bomb()}, protocol))
    torch.save({"net": {}, "x": Bomb()}, "b.pth")
    torch.save({"net": {}, "x": Bomb()}, "c.pth", _use_new_zipfile_serialization=False)
    for name in ("a.pth", "b.pth", "c.pth"):
        with pytest.raises(InputError):
            load_checkpoint(create_model("fastseqtrack_drawn"), name)
    assert not (place / "fired").exists()


@pytest.mark.fault("sizes that no model has", "create_model('fastseqtrack_nano', search=161)")
@pytest.mark.parametrize(
    "changes",
    [
        *[dict(search=value) for value in (161, 0, -128, "128", None, 128.0, True, 10**9)],
        *[dict(template=value) for value in (0, -64, 63)],
        *[dict(encoder_heads=value) for value in (3, 0, -4, 1.5)],
        *[dict(encoder_depth=value) for value in (0, 2.5, "2", 10**7)],
        *[dict(tokens_dim=value) for value in (0, -8, 7, 127, 10**8)],
        *[dict(decoder_dim=130), dict(decoder_heads=0), dict(decoder_heads=5), dict(decoder_depth=0)],
        *[dict(ffn=-1), dict(ffn=0), dict(dropout=1.5), dict(dropout=float("nan")), dict(dropout="x")],
        *[dict(mlp_ratio=value) for value in (-1, 0, float("nan"), "4")],
        *[dict(init_std=value) for value in (0, -1, "x")],
        *[dict(bins=value) for value in (1, 2.5, "256", None, 10**12)],
        *[dict(tracking=value) for value in (3, -4, 4.0, "4")],
        *[dict(ok_threshold=value) for value in (None, "x", float("nan"), 41)],
        *[dict(update_interval=value) for value in (0, -3, 1.5, "often")],
        *[dict(search_factor=value) for value in (0, -4, float("inf"), "4")],
        *[dict(tokens=None), dict(encoder=5), dict(sequence="xyxy"), dict(stem="patch", patch=0)],
    ],
    ids=str,
)
def test_sizes_that_no_model_has(changes):
    with pytest.raises(UsageError), limit(30):
        create_model("fastseqtrack_drawn", **changes)


@pytest.mark.fault("bare weights, which say nothing of their model", "Tracker('bare.pt')")
def test_bare_weights(place):
    state = create_model("fastseqtrack_drawn", "default").state_dict()
    torch.save({f"module.{key}": value for key, value in state.items()}, "bare.pt")
    assert Tracker("bare.pt", "cpu", runtime="eager").config.tokens.search == 128
    safetensors.torch.save_file(dict(list(state.items())[3:]), "less.safetensors")
    with pytest.raises(InputError, match="fit no preset; the nearest, fastseqtrack_drawn, differs in 3"):
        Tracker("less.safetensors", "cpu")


NO_IMAGES = ["x", None, 5, object(), RAMP / 255, RAMP[None], RAMP[:0], [[1, 2], [3]]]
NO_BOXES = ["x", None, 5, [1, 2, 3], [1, 2, 3, 4, 5], ["1", "2", "3", "4"], [1, 2, float("nan"), 4], {}]


@pytest.mark.fault("what is no image or no box, in a notebook", "draw_box(image, 'x'); show_run(frames, [])")
@pytest.mark.parametrize("wrong", [*NO_IMAGES, *NO_BOXES], ids=lambda value: ascii(value)[:24])
def test_what_cannot_be_drawn(wrong):
    is_box = any(wrong is box for box in NO_BOXES[3:])
    result = TrackResult(np.array([50.0, 40, 24, 24]), 1.0, True, 0)
    calls = [lambda: draw_box(RAMP, wrong), lambda: show_run([RAMP], [wrong])]
    calls += [lambda: filmstrip([RAMP], [wrong])]
    if not is_box:
        calls += [lambda: draw_box(wrong, result.box), lambda: pick_box(wrong, drag=False)]
        calls += [lambda: filmstrip([wrong], [result]), lambda: show_run([wrong], [result])]
    for call in calls:
        with pytest.raises(InputError):
            call()


@pytest.mark.fault("settings that a tracker cannot have", "Tracker(update_interval=float('nan'))")
@pytest.mark.parametrize(
    "settings",
    [
        dict(model=None),
        dict(model=5),
        dict(model=""),
        dict(model="."),
        dict(model="x" * 5000),
        dict(model=torch.nn.Identity()),
        dict(device="mps"),
        dict(device="xpu"),
        dict(device="meta"),
        dict(device="cuda:99"),
        dict(device=True),
        dict(exit=None),
        dict(tau=float("nan")),
        dict(tau=41),
        dict(tau=-1),
        dict(tau_mean=2),
        dict(tau=1, tau_mean=0.5),
        dict(exit_rule=print),
        dict(update_interval=float("nan")),
        dict(update_interval=0),
        dict(update_interval=1.5),
        dict(update_interval=True),
        dict(update_threshold=float("inf")),
        dict(dtype="fp64"),
        dict(runtime="tpu"),
        dict(threads=0),
        dict(threads=10**9),
    ],
)
def test_settings_of_a_tracker(settings):
    with pytest.raises(InputError):
        Tracker(**dict(model="fastseqtrack_drawn", device="cpu") | settings)


@pytest.mark.fault(
    "a threshold above every score of the early exits", "fastseqtrack track a.mp4 --tau 39 --box ..."
)
def test_tau_beyond_all_scores_is_met_with_a_warning(place):
    shutil.copy(WHOLE, "w.safetensors")
    Path("w.json").write_text(json.dumps(dict(tau=3, calibration=dict(highest_early_score=9.5))))
    with pytest.warns(UserWarning, match="full depth in every frame"):
        Tracker("w.safetensors", "cpu", tau=39)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Tracker("w.safetensors", "cpu", tau=9)
        Tracker("w.safetensors", "cpu")


@pytest.mark.fault(
    "training that cannot be done", "fastseqtrack train fastseqtrack_drawn --out run --pairs 10"
)
@pytest.mark.parametrize(
    "words",
    [
        "--pairs 10",
        "--pairs 0",
        "--pairs -5",
        "--pairs 1_0",
        "--batch 0",
        "--batch -32",
        "--seed -1",
        "--workers -1",
        "--threads -1",
        "--threads 1000000000",
        "--minutes nan",
        "--minutes -1",
        "--device-batch 5",
        "--weight 1",
        "--device mps",
        "--device meta",
        "--init-from .",
        "--init-from nowhere",
        "--data folder:nowhere",
        "--data coco",
        "--validation x:y",
        "--seed 99999999999999999999",
    ],
)
def test_training_that_cannot_be(place, words):
    refused("train", "fastseqtrack_drawn", "--out", "t", "--device", "cpu", *words.split())
    assert not list(place.rglob("*.safetensors"))


@pytest.mark.fault(
    "names of sequences that lead elsewhere", "fastseqtrack evaluate --data folder:clips --out results"
)
@pytest.mark.parametrize(
    "name", ["../x", "a/b", "a\\b", "..", ".", "", "a\0", "a\nb", "\udcff", "x" * 300], ids=ascii
)
def test_names_stay_in_their_folder(place, name):
    with pytest.raises(InputError):
        write_raw(place / "raw", name, [[1, 2, 3, 4]], [1])
    assert not files(place)


@pytest.mark.fault("the reader of the boxes goes away", "fastseqtrack track a.mp4 --box ... | head -n 1")
def test_a_reader_that_goes_away(place):
    film(place / "a.mp4", frames=60)
    program = f"{sys.executable} -m fastseqtrack track a.mp4 {' '.join(MODEL)} | head -n 1"
    done = subprocess.run(
        program,
        shell=True,
        capture_output=True,
        text=True,
        env=os.environ | dict(PYTHONPATH=str(Path(__file__).resolve().parent.parent)),
    )
    assert (
        len(done.stdout.splitlines()) == 1
        and "Broken pipe" not in done.stderr
        and "Traceback" not in done.stderr
    )


@pytest.mark.fault(
    "a long film (tried: its frames): the memory does not grow",
    "fastseqtrack track long.mkv --box ... --out boxes.txt",
)
def test_long_films_take_constant_memory(place, record_property):
    "The tracker stands still: a network would take a quarter of an hour, and keeps nothing either."
    from fastseqtrack.cli.track import write_run
    from fastseqtrack.tracking.base import BaseTracker

    class StandsStill(BaseTracker):
        def start(self, frame, box):
            self.box = box

        def step(self, frame):
            return TrackResult(self.box, 1.0, True, 0)

    def megabytes():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    # frames that were kept would take 307 or 12 megabytes
    (count, side), seen = (100_000, 32) if THOROUGH else (1_000, 64), []
    with av.open("long.mkv", "w") as made:
        stream = made.add_stream("mpeg4", rate=25)
        stream.width = stream.height = side
        for number in range(count):
            picture = np.full((side, side, 3), number % 200, np.uint8)
            made.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        made.mux(stream.encode(None))
    source = open_source("long.mkv")

    def watched():
        for number, frame in enumerate(source):
            if number % (count // 10) == 0:
                seen.append(megabytes())
            yield frame

    with open("boxes.txt", "w") as out:
        told = write_run(StandsStill(), open_source(watched()), [4, 4, 20, 20], out, "out.mp4")
    assert told["frames"] == count == len(Path("boxes.txt").read_text().splitlines())
    record_property("tried", count)
    assert max(seen[2:]) - seen[2] < 8, seen  # megabytes
