// The pixels of a video as FFmpeg converts them, whose conversion Python reads a video with. A canvas rounds where FFmpeg
// cuts off, so its pixels are one or two grey levels brighter: enough to move a box by some pixels after a while.
"use strict";

// What red takes of V, green of U and of V, blue of U, in 1/65536: BT.601, and BT.709, which HD films mostly state.
const SHARES = { smpte170m: [104597, -25675, -53279, 132201], bt709: [117489, -13975, -34925, 138438] };

// FFmpeg's whole numbers: of eight times a value, in 1/65536. `black` and `luma` for Y, the others for U and V.
function colorNumbers({ matrix, fullRange }) {
  const shares = SHARES[matrix] ?? SHARES.smpte170m, narrow = share => Math.trunc(share * 224 / 255);
  const [redV, greenU, greenV, blueU] = shares.map(share => Math.round((fullRange ? narrow(share) : share) / 8));
  return { black: fullRange ? 0 : 128, luma: fullRange ? 8192 : 9539, redV, greenU, greenV, blueU };
}

// Where the planes lie: each U and V stands for two by two pixels, in planes of their own (I420) or in turns (NV12).
function planesOf(format, layout) {
  const [y, first, second] = layout;
  if (format === "I420") return { y, u: first.offset, v: second.offset, stride: first.stride, step: 1 };
  return { y, u: first.offset, v: first.offset + 1, stride: first.stride, step: 2 };
}

// Bytes of the planes -> ImageData.
function toPixels(bytes, { y, u, v, stride, step }, colors, width, height) {
  const image = new ImageData(width, height), { data } = image;
  const { black, luma, redV, greenU, greenV, blueU } = colors;
  for (let row = 0, at = 0; row < height; row++)
    for (let column = 0; column < width; column++, at += 4) {
      const place = (row >> 1) * stride + (column >> 1) * step;
      const U = 8 * bytes[u + place] - 1024, V = 8 * bytes[v + place] - 1024;
      const Y = (8 * bytes[y.offset + row * y.stride + column] - black) * luma >> 16;
      data[at] = Y + (V * redV >> 16);  // the array keeps what lies outside of 0 to 255 at its ends
      data[at + 1] = Y + (U * greenU >> 16) + (V * greenV >> 16);
      data[at + 2] = Y + (U * blueU >> 16);
      data[at + 3] = 255;
    }
  return image;
}

// A film of a phone that was held upright is stored lying: turned by 90, 180 or 270 degrees clockwise.
function turned(image, degrees) {
  if (!degrees) return image;
  const { width, height } = image, from = new Uint32Array(image.data.buffer);
  const out = degrees === 180 ? new ImageData(width, height) : new ImageData(height, width);
  const to = new Uint32Array(out.data.buffer);
  const place = {  // where the pixel of a row and a column goes
    90: (row, column) => column * height + height - 1 - row,
    180: (row, column) => (height - row) * width - 1 - column,
    270: (row, column) => (width - 1 - column) * height + row,
  }[degrees];
  for (let row = 0, at = 0; row < height; row++)
    for (let column = 0; column < width; column++) to[place(row, column)] = from[at++];
  return out;
}

// The pixels that a <video> shows now; null where the browser does not give them, or would stretch them.
async function filmPixels(video) {
  if (!window.VideoFrame) return null;
  const frame = new VideoFrame(video);
  try {
    const { format, colorSpace, visibleRect, rotation = 0 } = frame;
    if (format !== "I420" && format !== "NV12") return null;
    const { width, height } = visibleRect, shown = [video.videoWidth, video.videoHeight];
    if (String(rotation % 180 ? [height, width] : [width, height]) !== String(shown)) return null;
    const bytes = new Uint8Array(frame.allocationSize()), layout = await frame.copyTo(bytes);
    return turned(toPixels(bytes, planesOf(format, layout), colorNumbers(colorSpace), width, height), rotation);
  } finally {
    frame.close();
  }
}
