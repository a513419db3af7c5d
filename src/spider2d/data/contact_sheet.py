"""A picture of the middle slices of a slices folder, to look at before training on it."""

from pathlib import Path

import cv2
import numpy as np

from spider2d.atomic_write import write_bytes
from spider2d.data.overlay import overlay_rgb
from spider2d.data.slices import SliceSeries, open_series, read_manifest

CONTACT_SHEET_NAME = "contact_sheet.png"
_CELL_HW, _COLUMNS, _MAX_SERIES = (300, 220), 8, 32


def write_contact_sheet(slices_dir: Path) -> Path:
    """Draw up to 32 series, spread evenly over the manifest, and return the PNG's path.

    Each cell shows the slice in the middle of the labelled ones with its instances drawn over it.

    Raises:
        DatasetError: There is no finished extraction in the folder.
    """
    rows = read_manifest(slices_dir)
    chosen = np.unique(np.linspace(0, len(rows) - 1, _MAX_SERIES).round().astype(int))
    cells = [draw_cell(open_series(slices_dir, rows[index].name)) for index in chosen]
    path = Path(slices_dir) / CONTACT_SHEET_NAME
    write_png(path, tile(cells, min(_COLUMNS, len(cells))))
    return path


def draw_cell(series: SliceSeries) -> np.ndarray:
    """Return one captioned picture (uint8 H, W, 3) of a series."""
    shown = series.meta.foreground_slices or range(len(series.image))
    index = shown[len(shown) // 2]
    picture = overlay_rgb(np.float32(series.image[index]), series.instances[index], alpha=0.3)
    scale = min(_CELL_HW[0] / picture.shape[0], _CELL_HW[1] / picture.shape[1])
    size_wh = [max(1, round(n * scale)) for n in picture.shape[1::-1]]
    cell = np.zeros((*_CELL_HW, 3), dtype=np.uint8)
    cell[: size_wh[1], : size_wh[0]] = cv2.resize(picture, size_wh, interpolation=cv2.INTER_AREA)
    caption = f"{series.meta.name} [{index}]"
    return cv2.putText(cell, caption, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 0), 1, cv2.LINE_AA)


def tile(cells: list[np.ndarray], columns: int) -> np.ndarray:
    """Return pictures (uint8 H, W, 3) of one size as one picture, row by row; black where they run out."""
    height, width = cells[0].shape[:2]
    sheet = np.zeros((-(-len(cells) // columns) * height, columns * width, 3), dtype=np.uint8)
    for index, cell in enumerate(cells):
        row, column = divmod(index, columns)
        sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = cell
    return sheet


def write_png(path: Path, rgb_hw3: np.ndarray) -> None:
    """Write an RGB picture (uint8 H, W, 3); non-ASCII paths work on Windows too."""
    _, encoded = cv2.imencode(".png", cv2.cvtColor(rgb_hw3, cv2.COLOR_RGB2BGR))
    write_bytes(path, encoded.tobytes())
