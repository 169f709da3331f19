"""Random inputs over every reader and option.

None ends in an exception of another library, a hang, or a result that is silently wrong. `make test` tries a
sample, `make fuzz` ten thousand."""

import functools
import io
import json
import math
import os
import shutil
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from test_faults import MODEL, RAMP, WHOLE, clips, film, limit, run

from fastseqtrack import Tracker, create_model, load_checkpoint
from fastseqtrack.boxes import clip_box, iou, xywh_to_xyxy, xyxy_to_xywh
from fastseqtrack.core import InputError
from fastseqtrack.crops import Crop
from fastseqtrack.data.box_files import BOX_FORMS, read_boxes, read_json
from fastseqtrack.data.images import as_frame, check_box
from fastseqtrack.data.layouts import LAYOUTS
from fastseqtrack.data.readers import read_flags, read_objects, read_size
from fastseqtrack.data.sequences import open_source
from fastseqtrack.evaluation.records import read_records
from fastseqtrack.evaluation.result_files import box_lines, check_names, read_rows
from fastseqtrack.metrics.protocols import PROTOCOLS, SequenceResult, evaluate
from fastseqtrack.models.checkpoints import card_settings, save_checkpoint
from fastseqtrack.models.vocabulary import Vocabulary
from fastseqtrack.training.run_folder import read_state

INPUTS = int(os.environ.get("FASTSEQTRACK_FUZZ", "400"))  # in all tests together


def fuzz(what: str, share: float, **strategies):
    "A test of random inputs: `share` of all, counted for the table of faults."
    count = max(5, round(INPUTS * share))

    def decorate(test):
        @pytest.mark.fault(f"random {what}", f"pytest tests/test_fuzz.py -k {test.__name__}")
        @functools.wraps(test)
        def counted(place, record_property):
            tried = []

            @settings(
                max_examples=count,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            )
            @given(**strategies)
            def once(**values):
                tried.append(1)
                with warnings.catch_warnings(), limit(30):
                    warnings.simplefilter("ignore")
                    test(**values)

            try:
                once()
            finally:
                record_property("tried", len(tried))

        del counted.__wrapped__  # pytest would read its arguments
        return counted

    return decorate


@pytest.fixture
def place(tmp_path, monkeypatch):
    "Every test works in an empty folder."
    monkeypatch.chdir(tmp_path)
    return tmp_path


def expected(function, *values, **named):
    "The value of a call, or None where it ends in one of our errors."
    try:
        return function(*values, **named)
    except InputError as error:
        assert error.cause and error.fix
        return None


@st.composite
def damaged(draw, whole: tuple[bytes, ...]) -> bytes:
    "One of some good files: cut, with bytes changed, taken out or put in; now and then as it was."
    raw = bytearray(draw(st.sampled_from(whole)))
    for _ in range(draw(st.integers(0, 4))):
        at, size = draw(st.integers(0, max(len(raw) - 1, 0))), draw(st.integers(1, 64))
        kind = draw(st.sampled_from(("cut", "flip", "zero", "take", "put")))
        if kind == "cut":
            del raw[at:]
        elif kind == "flip" and raw:
            raw[at] ^= draw(st.integers(1, 255))
        elif kind == "zero":
            raw[at : at + size] = bytes(len(raw[at : at + size]))
        elif kind == "take":
            del raw[at : at + size]
        else:
            raw[at:at] = draw(st.binary(max_size=16))
    return bytes(raw)


NUMBER = st.one_of(
    st.integers(-9, 999).map(str),
    st.floats().map(repr),
    st.sampled_from(
        [
            "1_0",
            "１",
            "٣",
            "0x1",
            "1e400",
            "nan",
            "NaN",
            "inf",
            "",
            "-",
            "1j",
            "True",
            "x",
            "−1",
            "1.",
            ".5",
            "+3",
            "00",
        ]
    ),
)
LINES = st.lists(
    st.lists(NUMBER, min_size=1, max_size=9).flatmap(
        lambda row: st.sampled_from([",", " ", "\t", ";", ", "]).map(lambda mark: mark.join(row))
    ),
    max_size=5,
)
TEXT = st.one_of(LINES.map("\n".join), LINES.map("\r\n".join), st.text(max_size=60)).map(
    str.encode
) | st.binary(max_size=60)


@fuzz("box files", 0.14, raw=TEXT, form=st.sampled_from([*BOX_FORMS]), gaps=st.booleans())
def test_box_files(raw, form, gaps):
    Path("a.txt").write_bytes(raw)
    boxes = expected(read_boxes, Path("a.txt"), form, gaps)
    if boxes is not None:
        rows = [line for line in raw.decode("utf-8-sig").splitlines() if line.strip()]
        assert (
            boxes.shape == (len(rows), 4) and (gaps or np.isfinite(boxes).all()) and "_" not in raw.decode()
        )


@fuzz("result files", 0.1, raw=TEXT)
def test_result_files(raw):
    Path("a.txt").write_bytes(raw)
    rows = expected(read_rows, "a.txt", 4)
    assert rows is None or rows.shape[1:] == (4,) and not np.isinf(rows).any()


@fuzz(
    "flags and sizes",
    0.06,
    raw=TEXT | st.tuples(NUMBER, NUMBER).map("resolution: ({0[0]}, {0[1]})".format).map(str.encode),
)
def test_flags_and_sizes(raw):
    Path("a.txt").write_bytes(raw)
    flags, size = expected(read_flags, Path("a.txt"), 2, True), expected(read_size, Path("a.txt"))
    assert flags is None or flags.shape == (2,) and (flags >= 0).all()
    assert size is None or min(size) > 0


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(2**70), 2**70) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
OBJECT = dict(id=1, image_id=9, bbox=[3, 4, 5.5, 6], iscrowd=0)
COCO = dict(images=[dict(id=9, file_name="a.jpg", width=60, height=40)], annotations=[OBJECT])


def inserted(whole) -> st.SearchStrategy:
    "A JSON value with one of its parts replaced."

    def paths(value, here=()):
        yield here
        for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
            yield from paths(value[key], (*here, key))

    def put(path, new):
        if not path:
            return new
        copy = json.loads(json.dumps(whole))
        functools.reduce(lambda part, key: part[key], path[:-1], copy)[path[-1]] = new
        return copy

    return st.builds(put, st.sampled_from([*paths(whole)]), JSON)


@fuzz("COCO files", 0.1, table=inserted(COCO))
def test_coco_files(table):
    Path("train2017").mkdir(exist_ok=True)
    cv2.imwrite("train2017/a.jpg", RAMP)
    Path("annotations").mkdir(exist_ok=True)
    Path("annotations/a.json").write_text(json.dumps(table))
    objects = expected(read_objects, LAYOUTS["coco"], "train", Path("annotations/a.json"))
    assert objects is None or np.isfinite(objects.boxes).all() and all(len(one) == 1 for one in objects)


CARD = dict(tau=3.5, ok_threshold=1.5, update_interval=25, update_threshold=2.0)
RECORD = dict(sequence="a", boxes=[[1, 2, 3, 4]], ok=[], scores=None, ao=55.5)


@fuzz("cards and records", 0.1, card=inserted(CARD), record=inserted(RECORD), raw=st.binary(max_size=30))
def test_cards_and_records(card, record, raw):
    Path("a.json").write_text(json.dumps(card))
    chosen = expected(card_settings, "a.safetensors")
    assert chosen is None or all(value is None or math.isfinite(value) for value in chosen.values())
    for content in (json.dumps(record).encode(), raw):
        Path("a.jsonl").write_bytes(content + b"\n")
        records = expected(read_records, "a.jsonl")
        assert records is None or all(np.shape(one.boxes)[1:] == (4,) for one in records.values())
        Path("b.json").write_bytes(content)
        expected(read_json, Path("b.json"))


def coded(ending: str, **options) -> bytes:
    "The ramp as an image file."
    buffer = io.BytesIO()
    Image.fromarray(RAMP[:24, :32]).save(buffer, ending, **options)
    return buffer.getvalue()


MORE = dict(save_all=True, append_images=[Image.fromarray(RAMP[:24, -32:])])
PICTURES = tuple(
    (kind, coded(kind, **more))
    for kind, more in [
        ("png", {}),
        ("jpeg", {}),
        ("gif", MORE),
        ("webp", MORE),
        ("tiff", MORE),
        ("png", MORE),
        ("bmp", {}),
        ("ppm", {}),
    ]
)


@fuzz("image files", 0.12, kind=st.sampled_from(PICTURES), data=st.data())
def test_image_files(kind, data):
    path = Path(f"a.{kind[0]}")
    path.write_bytes(data.draw(damaged((kind[1],))))
    for frame in expected(list, open_source(path)) or ():
        assert frame.dtype == np.uint8 and frame.shape[2] == 3 and frame.size


@functools.cache
def films() -> dict[str, bytes]:
    "Small films by their endings."
    kinds = dict(
        mkv="libx264", mp4="libx264", avi="mjpeg", ts="mpeg2video", webm="libvpx", h264="libx264", flv="flv1"
    )
    return {ending: film(Path(f"whole.{ending}"), codec, 5).read_bytes() for ending, codec in kinds.items()}


@fuzz(
    "films", 0.06, ending=st.sampled_from(["mkv", "mp4", "avi", "ts", "webm", "h264", "flv"]), data=st.data()
)
def test_films(ending, data):
    Path(f"a.{ending}").write_bytes(data.draw(damaged((films()[ending],))))
    source = expected(open_source, f"a.{ending}")
    frames = expected(list, source) if source else ()
    assert all(frame.dtype == np.uint8 and frame.shape[2] == 3 for frame in frames or ())


@functools.cache
def checkpoints() -> dict[str, bytes]:
    "A small model as safetensors and as a pickle, and a state of a training."
    model = create_model("fastseqtrack_drawn", encoder_depth=1, search=32, template=32)
    buffer = io.BytesIO()
    torch.save({"net": {"encoder.body.x": torch.zeros(4)}, "steps": 3}, buffer)
    return dict(
        safetensors=save_checkpoint(model, Path("m.safetensors")).read_bytes()[:60_000], pth=buffer.getvalue()
    )


@fuzz("checkpoints and states", 0.06, ending=st.sampled_from(["safetensors", "pth"]), data=st.data())
def test_checkpoints(ending, data):
    Path(f"a.{ending}").write_bytes(data.draw(damaged((checkpoints()[ending],))))
    model = create_model("fastseqtrack_drawn", encoder_depth=1, search=32, template=32)
    assert expected(load_checkpoint, model, f"a.{ending}") is None  # they are cut, or another network's
    expected(read_state, Path(f"a.{ending}"), torch.device("cpu"))


DTYPES = ["u1", "u2", ">u2", "i1", "i4", "f2", "f4", "f8", "?", "c8", "O", "U1"]
SHAPES = st.lists(st.integers(0, 5), max_size=4).map(tuple)


@fuzz(
    "arrays and tensors as images",
    0.08,
    shape=SHAPES,
    dtype=st.sampled_from(DTYPES),
    tensor=st.booleans(),
    color=st.sampled_from(["rgb", "bgr", "hsv"]),
)
def test_arrays_as_images(shape, dtype, tensor, color):
    image = np.zeros(shape, dtype)
    with warnings.catch_warnings():
        image = (
            torch.from_numpy(image)
            if tensor and dtype in ("u1", "i1", "i4", "f2", "f4", "f8", "?", "c8")
            else image
        )
    frame = expected(as_frame, image, color)
    assert frame is None or frame.dtype == np.uint8 and frame.ndim == 3 and frame.shape[2] == 3 and frame.size


SIDE = st.floats(-300, 300) | st.sampled_from([math.nan, math.inf, 0, 1e-9, 1e300, 127, 128])


@fuzz("first boxes", 0.06, box=st.lists(SIDE, min_size=3, max_size=5) | JSON)
def test_first_boxes(box):
    found = expected(check_box, box, RAMP)
    if found is not None:
        left, top, right, bottom = xywh_to_xyxy(found)
        assert right > 0 and bottom > 0 and left < 128 and top < 96 and (found[2:] > 0).all()


@fuzz(
    "boxes and crops",
    0.06,
    box=st.tuples(st.floats(-50, 150), st.floats(-50, 150), st.floats(0.5, 200), st.floats(0.5, 200)),
)
def test_boxes_and_crops(box):
    box = np.array(box)
    assert np.allclose(xyxy_to_xywh(xywh_to_xyxy(box)), box) and abs(iou(box, box) - 1) < 1e-9
    x, y, w, h = clip_box(box, 96, 128)
    assert 0 <= x and 0 <= y and x + w <= 128 and y + h <= 96 and min(w, h) > 0
    crop = Crop.around(box, 4, 64)
    assert crop.cut(RAMP).shape == (64, 64, 3) and crop.cut(RAMP).dtype == np.uint8
    back = np.array(box_lines([box]).strip().split(","), float)
    assert np.allclose(back, box, atol=0.0051)


@fuzz("words", 0.02, values=st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_words(values):
    vocabulary, boxes = Vocabulary(), torch.tensor([values])  # centre and size, 0 to 1
    back = vocabulary.boxes(vocabulary.words(boxes))
    assert (back - boxes).abs().max() <= 1 / (vocabulary.bins - 1)


@fuzz(
    "results under every protocol",
    0.02,
    rule=st.sampled_from([*PROTOCOLS]),
    shift=st.lists(st.floats(-50, 50) | st.just(math.nan), min_size=4, max_size=4),
)
def test_protocols(rule, shift):
    truth = np.array([[10.0 + 2 * number, 20, 30, 20] for number in range(6)])
    given_boxes = truth + np.array(shift)
    given_boxes[0] = truth[0]
    result = SequenceResult("a", given_boxes, truth, None, None, (128, 96))
    found = expected(evaluate, rule, [result])
    assert found is None or all(
        math.isnan(score) or 0 <= score <= 100 + 1e-9 for score in found.scores.values()
    )


@fuzz(
    "names of sequences",
    0.02,
    names=st.lists(st.text(max_size=8) | st.sampled_from(["..", "a/b", "\udcff", "x"]), max_size=4),
)
def test_names(names):
    if expected(check_names, names) is None and names:
        return
    assert all((Path("raw") / f"{name}.txt").resolve().parent == Path("raw").resolve() for name in names)


VALUE = st.sampled_from(
    [
        "",
        " ",
        "0",
        "-1",
        "1",
        "nan",
        "inf",
        "1_0",
        "１",
        "x",
        ".",
        "none.mp4",
        "1e400",
        "never",
        "9" * 30,
        "a" * 300,
        "\u202e",
        "[]",
        "auto",
        "meta",
        "cpu",
        "../x",
    ]
)
TRACK = [
    "--box",
    "--model",
    "--checkpoint",
    "--device",
    "--exit",
    "--tau",
    "--tau-mean",
    "--update-interval",
    "--dtype",
    "--update-threshold",
    "--threads",
    "--runtime",
    "--nonsense",
]
TRAIN = [
    "--pairs",
    "--batch",
    "--seed",
    "--minutes",
    "--workers",
    "--threads",
    "--global-batch",
    "--device-batch",
    "--data",
    "--weight",
    "--validation",
    "--init-from",
    "--only",
    "--plan",
]
EVALUATE = [
    "--data",
    "--name",
    "--first",
    "--batch",
    "--protocol",
    "--tau",
    "--results",
    "--package",
    "--box-format",
    "--source",
]
PAIRS = {
    name: st.lists(st.tuples(st.sampled_from(options), VALUE), max_size=3)
    for name, options in dict(track=TRACK, train=TRAIN, evaluate=EVALUATE).items()
}


@fuzz("options of the commands", 0.06, command=st.sampled_from([*PAIRS]), data=st.data())
def test_options(command, data):
    if not Path("a.mkv").exists():
        film(Path("a.mkv"), frames=2)
        clips(Path("clips"))
    given_options = [word for pair in data.draw(PAIRS[command]) for word in pair]
    fixed = dict(
        track=["a.mkv", *MODEL],
        evaluate=["--data", "folder:clips", "--model", "opencv-kcf", "--out", "o"],
        train=["fastseqtrack_drawn", "--out", "t"],
    )[command]
    last = ["--device", "meta"] if command == "train" else []  # so that no training begins
    code, _, message = run(command, *fixed, *given_options, *last)
    assert code in (0, 1, 2) and (code == 0) == ("Error" not in message), message
    shutil.rmtree("o", ignore_errors=True)


@fuzz(
    "settings of a tracker",
    0.02,
    name=st.sampled_from(
        [
            "tau",
            "tau_mean",
            "update_interval",
            "update_threshold",
            "color",
            "exit",
            "dtype",
            "runtime",
            "device",
            "exit_rule",
            "model",
        ]
    ),
    value=JSON,
)
def test_settings(name, value):
    arguments = dict(model=WHOLE, device="cpu", runtime="eager") | {name: value}
    tracker = expected(Tracker, **arguments)
    results = expected(list, tracker.run([RAMP] * 2, (50, 40, 24, 24))) if tracker else None
    assert results is None or np.isfinite(results[-1].box).all()
