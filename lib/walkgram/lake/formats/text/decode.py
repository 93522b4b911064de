"""Raw bytes of a file in any encoding -> chunks of valid UTF-8 that end where lines end.

A line ends with \\n, \\r\\n or a lone \\r. Bytes that cannot be decoded become U+FFFD.
"""

import codecs
from collections.abc import Iterable, Iterator

from pyarrow import fs

from walkgram.errors import InputError

__all__ = ["PIECE_BYTES", "ends_lines_by_byte", "read_chunks", "read_pieces", "read_range"]

PIECE_BYTES = 1 << 20  # with its rows in the processor's cache: 4 MiB take 1.3 times the time
MAX_LINE_BYTES = 64 << 20
STATEFUL = ("iso2022", "hz", "utf-7")  # encodings in which a sequence of bytes says how later ones are read
BYTE_ORDER_MARK = "\ufeff".encode()


def is_utf8(encoding: str) -> bool:
    """Return whether an encoding is UTF-8, with or without a byte order mark."""
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")


def ends_lines_by_byte(encoding: str) -> bool:
    """Return whether the byte \\n ends a line wherever it occurs, so that a file can be cut behind it."""
    if is_utf8(encoding):
        return True
    if codecs.lookup(encoding).name.startswith(STATEFUL):
        return False
    text = bytes(range(256)).decode(encoding, "replace")
    return len(text) == 256 and text[10] == "\n" and text.count("\n") == 1


def read_chunks(pieces: Iterable[bytes], encoding: str, is_start: bool = True) -> Iterator[bytes]:
    """Yield chunks of UTF-8 that end at line ends, without a byte order mark at the start of the file."""
    for chunk in cut_lines(pieces if is_utf8(encoding) else transcode(pieces, encoding)):
        valid = replace_invalid(chunk)
        yield valid.removeprefix(BYTE_ORDER_MARK) if is_start else valid
        is_start = False


def transcode(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the text of raw pieces as UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for piece in pieces:
        yield encode(decoder.decode(piece))
    yield encode(decoder.decode(b"", True))


def encode(text: str) -> bytes:
    """Encode text as UTF-8; a lone surrogate, which a few codecs produce, becomes U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()


def replace_invalid(chunk: bytes) -> bytes:
    """Replace what is not UTF-8 by U+FFFD."""
    try:
        chunk.decode()
    except UnicodeDecodeError:
        return chunk.decode("utf-8", "replace").encode()
    return chunk


def cut_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join pieces and cut them again behind line ends; the last chunk may end without one."""
    rest = b""
    for piece in pieces:
        rest += piece
        end = find_last_line_end(rest)
        if end:
            yield rest[:end]
            rest = rest[end:]
        elif len(rest) > MAX_LINE_BYTES:
            raise InputError(f"a line is longer than {MAX_LINE_BYTES:,} bytes: is input.format right, and input.encoding?")
    if rest:
        yield rest


def find_last_line_end(data: bytes) -> int:
    """Return the position behind the last line end, 0 if there is none.

    Where no \\n occurs, a \\r ends lines, except the last byte: a \\n may follow it.
    """
    return data.rfind(b"\n") + 1 or data.rfind(b"\r", 0, len(data) - 1) + 1


def read_pieces(system: fs.FileSystem, path: str, size: int = PIECE_BYTES) -> Iterator[bytes]:
    """Yield the bytes of a file, decompressed by its suffix. Raises `InputError` if it is damaged."""
    try:
        with system.open_input_stream(path, compression="detect") as stream:
            while piece := stream.read(size):
                yield piece
    except OSError as error:
        reason = next(iter(str(error).splitlines()), "no reason given")
        raise InputError(f"{path}: truncated or damaged file ({reason}): replace it if it is yours") from None


def read_range(system: fs.FileSystem, path: str, start: int, end: int, size: int = PIECE_BYTES) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) of the lines that begin in [start, end); the first offset is that of the first such line."""
    with system.open_input_file(path) as file:
        offset = start
        if start > 0:  # the line that begins at or before start - 1 belongs to the range before
            file.seek(start - 1)
            offset = start - 1
            while True:
                piece = file.read(size)
                cut = piece.find(b"\n") + 1
                if cut or not piece:
                    break
                offset += len(piece)
            offset += cut
            file.seek(offset)
        if offset >= end:
            return
        while offset < end and (piece := file.read(min(size, end - offset))):
            yield offset, piece
            offset += len(piece)
        is_complete = piece.endswith(b"\n")
        while not is_complete and (piece := file.read(min(size, 1 << 16))):
            cut = piece.find(b"\n") + 1
            is_complete = cut > 0
            yield offset, piece[: cut or None]
            offset += len(piece)
