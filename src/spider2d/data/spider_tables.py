"""The two tables of a SPIDER data set, ``overview.csv`` and ``radiological_gradings.csv``, as typed rows."""

import csv
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from spider2d.errors import DatasetError

GRADINGS_NAME = "radiological_gradings.csv"
SEQUENCES = ("t1", "t2", "t2_SPACE")
"""What series are named by after their patient, in the tables and as files."""
Row = TypeVar("Row", bound=BaseModel)


def _spacing_of_text(cell: str | None) -> list[str] | None:
    """Split the published notation ``[0.625, 0.625]``."""
    return cell.strip("[]").split(",") if cell is not None else None


PixelSpacing = Annotated[tuple[float, float] | None, BeforeValidator(_spacing_of_text)]


class _TableRow(BaseModel):
    """Fields carry the published column name as alias; other columns are left out; empty cells are None."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class OverviewRow(_TableRow):
    """What is used of one series in ``overview.csv``; only ``name`` is always there."""

    name: str = Field(alias="new_file_name")
    n_vertebrae: int | None = Field(None, alias="num_vertebrae")
    n_discs: int | None = Field(None, alias="num_discs")
    subset: Literal["training", "validation"] | None = None
    pixel_spacing_mm: PixelSpacing = Field(None, alias="PixelSpacing")


class GradingRow(_TableRow):
    """The radiological grading of one disc of one patient.

    ``disc`` counts from 1 = the most caudal one (mask label 201); two rows of the published table have 0.
    """

    patient: str = Field(alias="Patient")
    disc: int = Field(alias="IVD label", ge=0)
    modic: int | None = Field(None, alias="Modic", ge=0, le=3)
    upper_endplate: bool | None = Field(None, alias="UP endplate")
    lower_endplate: bool | None = Field(None, alias="LOW endplate")
    spondylolisthesis: bool | None = Field(None, alias="Spondylolisthesis")
    herniation: bool | None = Field(None, alias="Disc herniation")
    narrowing: bool | None = Field(None, alias="Disc narrowing")
    bulging: bool | None = Field(None, alias="Disc bulging")
    pfirrmann: int | None = Field(None, alias="Pfirrman grade", ge=1, le=5)


def read_overview(path: Path) -> dict[str, OverviewRow]:
    """Read ``overview.csv``.

    Args:
        path: The table: comma-separated, any line ends, cells may have blanks around them.

    Returns:
        The rows by series name, in the order of the file.

    Raises:
        DatasetError: Not a readable table, no column ``new_file_name``, a cell of the wrong type, or a
            series that is listed twice.
    """
    rows = _read_rows(path, OverviewRow)
    _refuse_repeats([row.name for row in rows], path)
    return {row.name: row for row in rows}


def read_gradings(path: Path) -> tuple[GradingRow, ...]:
    """Read ``radiological_gradings.csv``; same conventions and errors as ``read_overview``."""
    rows = _read_rows(path, GradingRow)
    _refuse_repeats([f"patient {row.patient} disc {row.disc}" for row in rows], path)
    return tuple(rows)


def _read_rows(path: Path, row_class: type[Row]) -> list[Row]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            _check_columns(reader.fieldnames or [], row_class, path)
            filled = (cells for cells in reader if any(cells.values()))
            return [_typed(cells, row_class, path, reader.line_num) for cells in filled]
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: no such file. Needed: SPIDER's table of that name.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: not a text table ({error}). Needed: comma-separated UTF-8.") from error


def _check_columns(columns: list[str], row_class: type[BaseModel], path: Path) -> None:
    required = [field.alias for field in row_class.model_fields.values() if field.is_required()]
    missing = [name for name in required if name not in columns]
    if missing:
        raise DatasetError(
            f"{path}: no column {', '.join(map(repr, missing))} in the first line (found "
            f"{', '.join(map(repr, columns[:5])) or 'nothing'}). Needed: SPIDER's table, separated by commas."
        )


def _typed(cells: dict[str, str | None], row_class: type[Row], path: Path, line: int) -> Row:
    # A short line gives None cells, a long one a list under the key None: both are kept out of the values.
    values = {column: (cell or "").strip() or None for column, cell in cells.items() if column is not None}
    try:
        return row_class.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise DatasetError(
            f"{path}, line {line}: column {first['loc'][0]!r} holds {first['input']!r} ({first['msg']}). "
            "Correct the cell or leave it empty."
        ) from error


def _refuse_repeats(keys: list[str], path: Path) -> None:
    repeated = sorted({key for key in keys if keys.count(key) > 1})
    if repeated:
        raise DatasetError(f"{path}: listed more than once: {', '.join(repeated[:5])}. Keep one row of each.")
