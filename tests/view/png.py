"""Makes pictures of a few flat colours small: a palette instead of three bytes for each point."""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Enough for what is drawn and for the most frequent shades at the edges of letters.
COLOURS = 256


def shrink(png: bytes) -> bytes:
    """Returns a PNG of at most 256 colours; each rarer colour becomes the nearest of the others.

    Reads what Chromium writes: eight bits a channel, with or without opacity, not interlaced.

    Raises:
        ValueError: another kind of PNG.
    """
    head, data = b"", b""
    for kind, body in _chunks(png):
        head = body if kind == b"IHDR" else head
        data += body if kind == b"IDAT" else b""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", head)
    if depth != 8 or colour not in (2, 6) or interlaced:
        raise ValueError(f"a PNG of depth {depth}, colour type {colour}, interlaced {interlaced}")
    step = 3 if colour == 2 else 4
    rows = _rows(zlib.decompress(data), width * step, height, step)
    points = [[row[i : i + 3] for i in range(0, width * step, step)] for row in rows]
    counts = Counter(point for row in points for point in row)
    palette = [point for point, _ in counts.most_common(COLOURS)]
    place = {point: index for index, point in enumerate(palette)}
    for point in counts:
        if point not in place:
            place[point] = min(range(len(palette)), key=lambda i: _distance(palette[i], point))
    lines = b"".join(b"\0" + bytes(place[point] for point in row) for row in points)
    return (
        SIGNATURE
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + _chunk(b"PLTE", b"".join(palette))
        + _chunk(b"IDAT", zlib.compress(lines, 9))
        + _chunk(b"IEND", b"")
    )


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _rows(data: bytes, width: int, height: int, step: int) -> Iterator[bytes]:
    """Yields the lines without the five filters of the PNG specification."""
    above = bytes(width)
    for number in range(height):
        start = number * (width + 1)
        kind, line = data[start], bytearray(data[start + 1 : start + 1 + width])
        for i in range(width):
            left = line[i - step] if i >= step else 0
            corner = above[i - step] if i >= step else 0
            guesses = (0, left, above[i], (left + above[i]) // 2)
            guess = guesses[kind] if kind < 4 else _paeth(left, above[i], corner)
            line[i] = (line[i] + guess) & 0xFF
        above = bytes(line)
        yield above


def _paeth(left: int, above: int, corner: int) -> int:
    by_left, by_above = abs(above - corner), abs(left - corner)
    by_corner = abs(left + above - 2 * corner)
    if by_left <= by_above and by_left <= by_corner:
        return left
    return above if by_above <= by_corner else corner


def _distance(a: bytes, b: bytes) -> int:
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))
