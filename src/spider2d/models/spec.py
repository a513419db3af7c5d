"""What a network is and what it expects: the part of a checkpoint from which the network is rebuilt."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from spider2d.config import ConfigModel
from spider2d.data.data_config import OFFSET_UNIT_MM as OFFSET_UNIT_MM
from spider2d.labels import CLASS_NAMES

Channels = Annotated[int, Field(ge=1, le=2048)]
Dimension = Literal["2D", "2.5D", "3D"]


class NetworkSpec(ConfigModel):
    """What every network's description says, whatever it looks at.

    Attributes:
        pixel_size_mm: Edge of the square pixels the network was trained on.
        normalisation: Name of the intensity normalisation in `spider2d.data.normalise`.
        class_names: Names of the class logits, background first.
        offset_head: Whether two more channels give the (row, column) vector from a vertebra pixel to the
            centre of its instance, in units of `OFFSET_UNIT_MM`.
        outline_level: Where the outline of a piece of vertebra lies: at this share of the piece's highest
            probability; 0 = wherever vertebra is the most probable class. For networks whose training labels
            reach further than the references do (see `spider2d.inference.outline`).
    """

    pixel_size_mm: Annotated[float, Field(gt=0, le=10)]
    normalisation: Literal["foreground_percentiles"] = "foreground_percentiles"
    class_names: tuple[str, ...] = CLASS_NAMES
    offset_head: bool = True
    outline_level: Annotated[float, Field(ge=0, lt=1)] = 0.0

    @model_validator(mode="after")
    def _known_classes(self) -> "NetworkSpec":
        if self.class_names != CLASS_NAMES:
            raise ValueError(
                f"class_names: this version segments {', '.join(CLASS_NAMES)}"
                f" (found {', '.join(self.class_names)})"
            )
        return self

    @property
    def out_channels(self) -> int:
        """Number of output channels: one per class, and two for the offsets."""
        return len(self.class_names) + (2 if self.offset_head else 0)


class ModelSpec(NetworkSpec):
    """A 2D network: everything inference needs to know of it besides its weights.

    Attributes:
        architecture: Which builder makes the network.
        encoder: Name of the encoder as segmentation_models_pytorch knows it (``tu-`` = from timm).
        decoder_channels: Channels of the decoder's five stages, deepest first.
        channel_offsets_mm: Input channels as distances (mm, towards the patient's right) from the slice to be
            segmented; ``(0,)`` is plain 2D, ``(-4, 0, 4)`` is 2.5D.
        pad_multiple: Height and width of the input must be multiples of this.
    """

    architecture: Literal["unet2d"] = "unet2d"
    # The pattern keeps out "hf_hub:..." names, for which timm would ask the network.
    encoder: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\-]+$")] = "tu-regnety_002"
    decoder_channels: tuple[Channels, Channels, Channels, Channels, Channels] = (128, 64, 32, 16, 16)
    channel_offsets_mm: Annotated[tuple[float, ...], Field(min_length=1, max_length=15)] = (0.0,)
    pad_multiple: Literal[32] = 32

    @property
    def in_channels(self) -> int:
        """Number of input channels."""
        return len(self.channel_offsets_mm)

    @property
    def dimension(self) -> Dimension:
        """Whether one slice is looked at, or its neighbours too."""
        return "2D" if self.in_channels == 1 else "2.5D"

    @property
    def title(self) -> str:
        """Name of the network for messages."""
        return f"{self.encoder} U-Net"
