"""Files that end with their length and checksum, so that a reader finds any damage before it uses a byte."""

import io
import struct
import zlib
from typing import IO, Any

__all__ = ["SealedReader", "SealedWriter", "open_sealed"]

SEAL = struct.Struct("<8sQI")  # a mark, the bytes before the seal, their CRC-32
MARK = b"walkgram"
BUFFER = 1 << 22


class SealedWriter(io.RawIOBase):
    """A stream that passes what is written to another one; `seal` writes the end."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.size = self.crc32 = 0

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any) -> int:
        """Write bytes; return their number."""
        view = memoryview(data).cast("B")
        self.stream.write(view)
        self.crc32 = zlib.crc32(view, self.crc32)
        self.size += len(view)
        return len(view)

    def seal(self) -> None:
        """Write the length and the checksum of what was written."""
        self.stream.write(SEAL.pack(MARK, self.size, self.crc32))


class SealedReader(io.RawIOBase):
    """The bytes of a sealed file before its seal; seekable."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self.stream = stream
        self.size = size

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; return the number of bytes."""
        view = memoryview(buffer).cast("B")
        data = self.stream.read(min(len(view), max(0, self.size - self.stream.tell())))
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a place; return it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.stream.tell(), io.SEEK_END: self.size}[whence]
        self.stream.seek(start + offset)
        return start + offset

    def tell(self) -> int:
        """Return the place."""
        return self.stream.tell()

    def close(self) -> None:
        """Close the file."""
        self.stream.close()
        super().close()


def open_sealed(stream: IO[bytes]) -> SealedReader | None:
    """Return a reader of a sealed file, after one reading of all its bytes; None where the seal is missing or does not fit."""
    size = stream.seek(0, io.SEEK_END) - SEAL.size
    if size < 0:
        return None
    stream.seek(size)
    mark, stated_size, stated_crc32 = SEAL.unpack(stream.read(SEAL.size))
    if (mark, stated_size) != (MARK, size):
        return None
    stream.seek(0)
    crc32, left = 0, size
    while left and (data := stream.read(min(BUFFER, left))):
        crc32, left = zlib.crc32(data, crc32), left - len(data)
    stream.seek(0)
    return SealedReader(stream, size) if (left, crc32) == (0, stated_crc32) else None
