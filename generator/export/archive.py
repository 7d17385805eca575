"""Many files in one archive, the same bytes whenever it is made."""

import gzip
import io
import tarfile
from collections.abc import Mapping
from datetime import datetime

LEVEL = 6  # of gzip


def pack(files: Mapping[str, bytes], commit_date: str) -> bytes:
    """A .tar.gz of files by path: sorted, dated by the commit, owned by nobody."""
    seconds = int(datetime.fromisoformat(commit_date).timestamp())
    plain = io.BytesIO()
    with tarfile.TarFile(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in sorted(files.items()):
            item = tarfile.TarInfo(path)
            item.size, item.mtime, item.mode = len(content), seconds, 0o644
            archive.addfile(item, io.BytesIO(content))
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", LEVEL, packed, seconds) as stream:
        stream.write(plain.getvalue())
    return packed.getvalue()
