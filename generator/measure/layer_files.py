"""What the forward pass leaves of every layer, in temporary files, one layer read at a time.

Of each position either its direction ẑ or its soft assignments to all seeds' anchors is kept,
whichever is smaller, as float16 (this moves the information by less than 1e-6), with ordinary
writes: a memory map would keep its pages resident. A sample of the directions serves the
effective rank.
"""

import shutil
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generator.measure.failures import MeasureError
from generator.measure.soft_entropy import assign, normalise

SAMPLE_POSITIONS = 2048  # for the effective rank, at most
CHUNK_POSITIONS = 4096
BYTES_PER_NUMBER = 2  # float16


class LayerFiles:
    """Rows of `layers` layers for `positions` positions in the order in which they are appended.

    anchors: (S · B, D), float32; bins: B. Raises MeasureError("disk") when the folder lacks space.
    """

    def __init__(
        self, folder: Path, layers: int, positions: int, anchors: Tensor, bins: int, scale: float
    ):
        self.layers, self.positions, self.bins, self.scale = layers, positions, bins, scale
        self.anchors = anchors
        self.width = anchors.shape[1]
        self.keeps_directions = self.width <= len(anchors)
        self.columns = min(self.width, len(anchors))
        self.step = -(-positions // SAMPLE_POSITIONS)
        self._check_space(folder)
        self._rows = [folder / f"layer-{k}.f16" for k in range(layers)]
        self._sample = [folder / f"sample-{k}.f16" for k in range(layers)]
        self._open: list[tuple[BinaryIO, BinaryIO]] = []
        self._appended = 0

    @property
    def bytes(self) -> int:
        """Room that all files take when every position is appended."""
        rows = self.positions * self.columns + len(range(0, self.positions, self.step)) * self.width
        return BYTES_PER_NUMBER * self.layers * rows

    def _check_space(self, folder: Path) -> None:
        free = shutil.disk_usage(folder).free
        if self.bytes > free:
            wrong = f"hidden states need {self.bytes / 1e9:.1f} GB of temporary files"
            repair = f"{folder.parent} has {free / 1e9:.1f} GB; set TMPDIR to a larger disk"
            raise MeasureError("disk", f"{wrong}; {repair}")

    def __enter__(self) -> "LayerFiles":
        self._open = [
            (rows.open("wb"), sample.open("wb"))
            for rows, sample in zip(self._rows, self._sample, strict=True)
        ]
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """No more rows follow; what is there can be read."""
        for files in self._open:
            for file in files:
                file.close()

    def append(self, states: list[Tensor]) -> None:
        """Keep hidden states of some positions: for each layer (positions, D)."""
        sampled = torch.arange(-self._appended % self.step, len(states[0]), self.step)
        for (rows, sample), layer in zip(self._open, states, strict=True):
            directions = normalise(layer.float())
            kept = directions if self.keeps_directions else self._assign(directions)
            rows.write(_bytes_of(kept.flatten(1)))
            sample.write(_bytes_of(directions[sampled.to(directions.device)]))
        self._appended += len(states[0])

    def _assign(self, directions: Tensor) -> Tensor:
        anchors = self.anchors.to(directions.device)
        return assign(directions, anchors, self.scale, self.bins)

    def read_assignments(self, layer: int) -> Tensor:
        """Soft assignments of one layer, (S, N, B) float16."""
        seeds = len(self.anchors) // self.bins
        found = torch.empty((seeds, self.positions, self.bins), dtype=torch.float16)
        with self._rows[layer].open("rb") as file:
            for begin in range(0, self.positions, CHUNK_POSITIONS):
                count = min(CHUNK_POSITIONS, self.positions - begin)
                read = np.fromfile(file, np.float16, count * self.columns)
                rows = torch.from_numpy(read).view(count, self.columns)
                if self.keeps_directions:
                    rows = self._assign(rows.float())
                by_seed = rows.view(count, seeds, self.bins).transpose(0, 1)
                found[:, begin : begin + count] = by_seed
        return found

    def read_sample(self, layer: int) -> Tensor:
        """Directions of at most 2,048 positions spread over all of them, (n, D) float32."""
        read = np.fromfile(self._sample[layer], np.float16)
        return torch.from_numpy(read).view(-1, self.width).float()


def _bytes_of(rows: Tensor) -> bytes:
    kept: NDArray[np.float16] = rows.half().cpu().numpy()
    return kept.tobytes()
