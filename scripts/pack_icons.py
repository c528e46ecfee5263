#!/usr/bin/env python3
"""Packs PNG files into .ico or .icns, and checks that PNG files are what Tauri takes.

    pack_icons.py ico  OUT PNG...     Windows: ICONDIR with PNG entries, in the order given
    pack_icons.py icns OUT PNG...     macOS: one PNG chunk per size and scale
    pack_icons.py check PNG...        8-bit RGBA, square
"""

import struct
import sys

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
RGBA = 6

# Apple's "icns" types that hold a PNG, by side in pixels. A size with two
# names is one picture at 1x and at 2x of half the points.
ICNS_TYPES = {
    16: (b"icp4",),
    32: (b"icp5", b"ic11"),
    64: (b"ic12",),
    128: (b"ic07",),
    256: (b"ic08", b"ic13"),
    512: (b"ic09", b"ic14"),
    1024: (b"ic10",),
}


def read_png(path):
    """The bytes of a square 8-bit RGBA PNG, and its side in pixels."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:8] != PNG_SIGNATURE or data[12:16] != b"IHDR":
        sys.exit(f"{path}: not a PNG")
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    if (depth, colour) != (8, RGBA):
        sys.exit(f"{path}: depth {depth} and colour type {colour}, Tauri wants 8-bit RGBA")
    if width != height:
        sys.exit(f"{path}: {width}x{height} is not square")
    return data, width


def ico(pictures):
    offset = 6 + 16 * len(pictures)
    header = struct.pack("<HHH", 0, 1, len(pictures))
    body = b""
    for data, side in pictures:
        if side > 256:
            sys.exit(f"an .ico holds at most 256 px, not {side}")
        # A side of 256 is written as 0.
        header += struct.pack("<BBBBHHII", side % 256, side % 256, 0, 0, 1, 32, len(data), offset + len(body))
        body += data
    return header + body


def icns(pictures):
    body = b""
    for data, side in pictures:
        if side not in ICNS_TYPES:
            sys.exit(f"an .icns has no type for {side} px")
        for kind in ICNS_TYPES[side]:
            body += kind + struct.pack(">I", 8 + len(data)) + data
    return b"icns" + struct.pack(">I", 8 + len(body)) + body


def main(arguments):
    match arguments:
        case ["check", _, *_]:
            for path in arguments[1:]:
                read_png(path)
        case ["ico" | "icns" as kind, out, _, *_]:
            pictures = [read_png(path) for path in arguments[2:]]
            with open(out, "wb") as file:
                file.write(ico(pictures) if kind == "ico" else icns(pictures))
        case _:
            sys.exit(__doc__.strip())


main(sys.argv[1:])
