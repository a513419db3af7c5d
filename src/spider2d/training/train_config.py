"""The configuration of a training run: what ``experiments/*.yaml`` and ``--set`` may hold."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from spider2d.config import ConfigModel, check_config, name_source, read_tree
from spider2d.data.data_config import AugmentConfig, DataConfig, Probability, VolumeDataConfig
from spider2d.models.losses import LossConfig
from spider2d.models.spec import Channels
from spider2d.models.volume_spec import Unet3dNetwork, UnetrNetwork, spec_class

Count = Annotated[int, Field(ge=1)]


class NetworkConfig(ConfigModel):
    """Which 2D network is trained; see `spider2d.models.spec.ModelSpec`.

    Attributes:
        architecture: Which builder makes the network.
        encoder: Name of the encoder in segmentation_models_pytorch.
        decoder_channels: Channels of the decoder's stages, deepest first.
        offset_head: Whether the network also learns the offsets to the vertebrae's centres.
        encoder_weights: Pretrained encoder weights, such as "imagenet" (downloaded once); null = none. Not
            looked at where a training starts from a checkpoint (``init``).
        feature_mix: Probability with which early features take on statistics of other samples while the
            network trains (see `spider2d.models.feature_mix`); it is no property of the trained network.
    """

    architecture: Literal["unet2d"] = "unet2d"
    encoder: str = "tu-regnety_002"
    decoder_channels: tuple[Channels, Channels, Channels, Channels, Channels] = (128, 64, 32, 16, 16)
    offset_head: bool = True
    encoder_weights: str | None = None
    feature_mix: Probability = 0.0


class OptimiserConfig(ConfigModel):
    """AdamW with linear warm-up and cosine decay.

    Attributes:
        learning_rate: Peak learning rate.
        final_fraction: Learning rate at the last step, as a fraction of the peak.
        warmup_steps: Steps over which the learning rate rises to its peak.
        weight_decay: Of the weights of convolutions; norms and biases have none.
        clip_norm: Gradients are scaled down to this norm.
        ema_decay: Decay per step of the exponential moving average of the weights, which is what is
            validated and saved; its first steps average over fewer steps.
    """

    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    final_fraction: Annotated[float, Field(ge=0, le=1)] = 0.01
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.99


class LoopConfig(ConfigModel):
    """Length and mechanics of the training.

    Attributes:
        steps: Number of optimiser steps.
        batch_size: Samples per step, of all processes together.
        workers: Processes that make samples, per training process; "auto" chooses by the machine
            (and by ``data.synthetic.streams`` where phantoms are made on the fly).
        threads: CPU threads of the network; null = torch's own choice, usually all cores. More than one pay
            on idle cores only: a step waits for its slowest thread (figures in experiments/README.md).
        precision: "bf16", "fp16" (GPU only) or "fp32"; "auto" is bf16 where the hardware has it, else fp32.
        compile: Whether the network goes through torch.compile.
        log_every: Steps between two lines of figures.
        save_every: Steps between two writings of last.pt (it is also written at each validation).
    """

    steps: Count = 2000
    batch_size: Count = 16
    workers: Annotated[int, Field(ge=0)] | Literal["auto"] = "auto"
    threads: Count | None = None
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    compile: bool = False
    log_every: Count = 20
    save_every: Count = 500


class ValidationConfig(ConfigModel):
    """3D validation: whole series are predicted, their Dice is taken over the volume.

    Attributes:
        every_steps: Steps between two validations; the last step is always validated.
        max_series: At most this many series, evenly chosen over the list of names; null = all.
        batch_size: Slices (2D) or windows (3D) per forward pass.
        overlays: Series of which a picture goes to TensorBoard.
    """

    every_steps: Count = 500
    max_series: Count | None = None
    batch_size: Count = 8
    overlays: Annotated[int, Field(ge=0)] = 4


def _refuse_untrained_offsets(loss: LossConfig, model: NetworkConfig | Unet3dNetwork | UnetrNetwork) -> None:
    if model.offset_head and not loss.offset:
        raise ValueError(
            "loss.offset = 0 leaves the offsets, which inference believes, untrained; set "
            "model.offset_head to false too"
        )


class RunConfig(ConfigModel):
    """A training run, apart from what depends on the kind of network.

    Attributes:
        seed: Decides the initial weights and every sample.
        init: Checkpoint whose weights the training starts from; null = random weights. That of single slices
            may start a 2.5D network, and back.
        augment: Augmentation; null = none.
        loss: Loss.
        optimiser: Optimiser and learning rate.
        training: Length and mechanics.
        validation: Validation.
    """

    seed: Annotated[int, Field(ge=0)] = 0
    init: Path | None = None
    augment: AugmentConfig | None = AugmentConfig()
    loss: LossConfig = LossConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    training: LoopConfig = LoopConfig()
    validation: ValidationConfig = ValidationConfig()


class TrainConfig(RunConfig):
    """A whole training run of a 2D (or 2.5D) network.

    Attributes:
        data: Samples.
        model: Network.
    """

    data: DataConfig = DataConfig()
    model: NetworkConfig = NetworkConfig()

    @model_validator(mode="after")
    def _offsets(self) -> "TrainConfig":
        _refuse_untrained_offsets(self.loss, self.model)
        return self


class VolumeTrainConfig(RunConfig):
    """A training run of a 3D network, whichever it is.

    Attributes:
        data: Samples.
    """

    data: VolumeDataConfig = VolumeDataConfig()

    @model_validator(mode="after")
    def _loss_of_volumes(self) -> "VolumeTrainConfig":
        if self.loss.instance_dice:
            raise ValueError(
                f"loss.instance_dice = {self.loss.instance_dice} is for 2D networks; set it to 0 for a 3D one"
            )
        _refuse_untrained_offsets(self.loss, self.model)
        return self


class Unet3dTrainConfig(VolumeTrainConfig):
    """A whole training run of a 3D U-Net.

    Attributes:
        model: Network.
    """

    model: Unet3dNetwork = Unet3dNetwork()


class UnetrTrainConfig(VolumeTrainConfig):
    """A whole training run of a UNETR.

    Attributes:
        model: Network.
    """

    model: UnetrNetwork = UnetrNetwork()


AnyTrainConfig = TrainConfig | Unet3dTrainConfig | UnetrTrainConfig
_CONFIG_OF_ARCHITECTURE = {"unet2d": TrainConfig, "unet3d": Unet3dTrainConfig, "unetr": UnetrTrainConfig}


def load_train_config(path: Path | None, overrides: Sequence[str] = ()) -> AnyTrainConfig:
    """Read the configuration of a training run; ``model.architecture`` decides which keys it may hold.

    Args:
        path: YAML file; None for the defaults alone.
        overrides: Texts such as ``"optimiser.learning_rate=1e-3"``; later ones win.

    Raises:
        ConfigError: As `spider2d.config.load_config`, or the architecture is unknown.
    """
    tree = read_tree(path, overrides)
    model = tree.get("model")
    architecture = model.get("architecture", "unet2d") if isinstance(model, dict) else "unet2d"
    spec_class(architecture)  # refuses unknown names
    return check_config(_CONFIG_OF_ARCHITECTURE[architecture], tree, source=name_source(path))
