// The tracker of chapters crops, exits and tracking.tracker, in the browser: crop about the last box, run the network,
// take the first exit that is certain enough, map the box back. `ort` is ONNX Runtime.
"use strict";

// Python's round: halves go to the even neighbour.
const roundHalfEven = v => {
  const low = Math.floor(v);
  if (v - low !== 0.5) return Math.round(v);
  return low % 2 ? low + 1 : low;
};

// The square about an xywh box (pixels) that is seen at size x size.
function cropAround([x, y, w, h], factor, size) {
  const side = Math.ceil(Math.sqrt(w * h) * factor);
  return { cx: x + w / 2, cy: y + h / 2, side, size };
}

// Which two pixels of a square make up each of `size` pixels, and with which weights, in 1/2048: bilinear. The whole
// numbers and the shifts below are OpenCV's, so that a crop is the same, byte for byte, as in Python.
function samples(side, size) {
  const inside = i => Math.min(Math.max(i, 0), side - 1);
  return Array.from({ length: size }, (_, i) => {
    const place = Math.fround((i + 0.5) * (side / size) - 0.5), low = Math.floor(place);
    const part = Math.fround(place - low);
    return { first: inside(low), next: inside(low + 1),
             near: roundHalfEven((1 - part) * 2048), far: roundHalfEven(part * 2048) };
  });
}

// Cut a crop out of a frame (ImageData: RGBA): (size, size, 3) uint8, black outside.
function cut(frame, { cx, cy, side, size }) {
  const left = roundHalfEven(cx - side * 0.5), top = roundHalfEven(cy - side * 0.5);
  const { width, height, data } = frame;
  const inside = (v, end) => v >= 0 && v < end - 1;  // SeqTrack's crop leaves the last row and column black
  const pixel = (x, y, c) => inside(x, width) && inside(y, height) ? data[(y * width + x) * 4 + c] : 0;
  const out = new Uint8Array(size * size * 3), places = samples(side, size);
  let at = 0;
  for (const row of places)
    for (const column of places)
      for (let c = 0; c < 3; c++) {
        const [upper, lower] = [row.first, row.next].map(line =>
          column.near * pixel(left + column.first, top + line, c) + column.far * pixel(left + column.next, top + line, c));
        out[at++] = (((row.near * (upper >> 4)) >> 16) + ((row.far * (lower >> 4)) >> 16) + 2) >> 2;
      }
  return out;
}

// A box of the crop, cxcywh in [0, 1] -> xywh in pixels of the frame.
function toFrame(found, { cx, cy, side }) {
  const [x, y, w, h] = Array.from(found, value => value * side);
  return [cx - side / 2 + x - w / 2, cy - side / 2 + y - h / 2, w, h];
}

// Keep an xywh box within the frame, at least 10 px of it: boxes.clip_box.
function clipBox([x, y, w, h], width, height) {
  const across = Math.min(10, width), down = Math.min(10, height);
  const x1 = Math.min(Math.max(0, x), width - across), y1 = Math.min(Math.max(0, y), height - down);
  const x2 = Math.min(Math.max(across, x + w), width), y2 = Math.min(Math.max(down, y + h), height);
  return [x1, y1, Math.max(across, x2 - x1), Math.max(down, y2 - y1)];
}

const image = (bytes, ...shape) => new ort.Tensor("uint8", bytes, [...shape, 3]);

class Tracker {
  // `model` is {file: an ONNX file as base64, about: its metadata}, as `fastseqtrack export` writes them.
  static async open(model) {
    const tracker = new Tracker();
    tracker.about = model.about;
    const bytes = Uint8Array.from(atob(model.file), c => c.charCodeAt(0));
    tracker.session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
    return tracker;
  }

  // The target, seen first at an xywh box: both templates show it as it is now.
  init(frame, box) {
    this.box = box;
    this.count = 0;
    const view = this.template(frame);
    this.templates = new Uint8Array([...view, ...view]);
  }

  template(frame) {
    return cut(frame, cropAround(this.box, this.about.template_factor, this.about.template_size));
  }

  // One frame: {box, score, ok, exit}. The first exit whose score is above tau is taken: Algorithm 1.
  async update(frame) {
    const { search_factor, search_size, template_size, tau, ok_threshold } = this.about;
    const crop = cropAround(this.box, search_factor, search_size);
    const { boxes, scores } = await this.session.run({
      search: image(cut(frame, crop), search_size, search_size),
      templates: image(this.templates, 2, template_size, template_size),
    });
    const confident = scores.data.findIndex(score => score > tau);
    const exit = confident < 0 ? scores.data.length - 1 : confident, score = scores.data[exit];
    const found = boxes.data.subarray(4 * exit, 4 * exit + 4);
    this.box = clipBox(toFrame(found, crop), frame.width, frame.height);
    this.renew(frame, score);
    return { box: this.box, score, ok: score > ok_threshold, exit };
  }

  // The second template is cut anew every `update_interval` frames (0: never) where the score is high enough.
  renew(frame, score) {
    const { update_interval, update_threshold } = this.about;
    this.count += 1;
    if (update_interval && this.count % update_interval === 0 && score > update_threshold)
      this.templates.set(this.template(frame), this.templates.length / 2);
  }
}
