"""One optimiser step, and the figures gathered over several."""

import math
import time

import torch
from torch import Tensor, nn

from spider2d.errors import ConfigError, Spider2dError
from spider2d.inference.slicewise import choose_precision
from spider2d.models.build import fast_layout
from spider2d.models.losses import LossParts, training_loss
from spider2d.models.unet2d import split_output
from spider2d.training.ema import ema_decay, update_ema
from spider2d.training.schedule import learning_rate, set_learning_rate
from spider2d.training.state import TrainingState
from spider2d.training.train_config import AnyTrainConfig

_AUTOCAST_TYPE = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class TrainingDivergedError(Spider2dError):
    """The loss or the gradient is no longer a finite number."""


def resolve_precision(wanted: str, device: torch.device) -> str:
    """Return "fp32", "bf16" or "fp16": what "auto" means on this device, others as given."""
    if wanted == "fp16" and device.type != "cuda":
        raise ConfigError("training.precision=fp16 needs a GPU; use auto, bf16 or fp32 on a CPU")
    return choose_precision(wanted, str(device))


def validation_precision(precision: str) -> str:
    """Return the precision of the validation: that of the training, but float32 for fp16."""
    return "fp32" if precision == "fp16" else precision


def train_step(
    state: TrainingState,
    forward: nn.Module,
    batch: dict[str, Tensor],
    config: AnyTrainConfig,
    precision: str,
) -> dict[str, Tensor]:
    """Move the network by one batch, but not yet the average and the step number.

    Args:
        state: The state; its network and optimiser change.
        forward: The network as it is called: itself, or wrapped for several processes or compiled.
        batch: What the loader gives, on the network's device.
        config: The run's configuration.
        precision: "fp32", "bf16" or "fp16".

    Returns:
        Scalars, not yet read from the device: the losses and the norm of the gradient before clipping.
    """
    rate = learning_rate(state.step, config.training.steps, config.optimiser)
    set_learning_rate(state.optimiser, rate)
    losses = compute_losses(state, forward, batch, config, precision)
    state.optimiser.zero_grad()
    state.scaler.scale(losses.total).backward()
    state.scaler.unscale_(state.optimiser)
    norm = nn.utils.clip_grad_norm_(state.network.parameters(), config.optimiser.clip_norm)
    state.scaler.step(state.optimiser)
    state.scaler.update()
    figures = {name: value.detach() for name, value in losses._asdict().items()}
    if not state.scaler.is_enabled():  # with fp16 an infinite gradient is expected now and then, and skipped
        figures["gradient_norm"] = norm
    return figures


def compute_losses(
    state: TrainingState, forward: nn.Module, batch: dict[str, Tensor], config: AnyTrainConfig, precision: str
) -> LossParts:
    """Run the network in the given precision and return the losses, which are computed in float32."""
    images = fast_layout(batch["image"])
    with torch.autocast(images.device.type, _AUTOCAST_TYPE[precision], enabled=precision != "fp32"):
        output = forward(images)
    return training_loss(*split_output(output, state.spec), batch, config.loss)


def finish_step(state: TrainingState, config: AnyTrainConfig) -> None:
    """Move the average towards the network and count the step."""
    update_ema(state.ema, state.network, ema_decay(state.step, config.optimiser.ema_decay))
    state.step += 1


def to_device(batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Move a batch to the network's device."""
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}


class RunningMeans:
    """Means of the figures since the last reading; they stay on the device until they are read."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._count = 0
        self.restart_clock()

    def restart_clock(self) -> None:
        """Leave out the time since the last reading (validation, saving) from the next speed."""
        self._since = time.perf_counter()

    def add(self, figures: dict[str, Tensor]) -> None:
        """Add the figures of one step."""
        for name, value in figures.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._count += 1

    def read(self, step: int) -> dict[str, float]:
        """Return the means and the steps per second, and begin anew; at least one step must have been added.

        Raises:
            TrainingDivergedError: A mean is not finite.
        """
        means = {name: (total / self._count).item() for name, total in self._sums.items()}
        bad = [name for name, value in means.items() if not math.isfinite(value)]
        if bad:
            raise TrainingDivergedError(
                f"training diverged before step {step}: {', '.join(bad)} not finite. What last.pt and "
                "best.pt hold, if they were saved, is good; start again with a lower optimiser.learning_rate "
                "or with --set training.precision=fp32"
            )
        speed = self._count / (time.perf_counter() - self._since)
        self._sums, self._count = {}, 0
        self.restart_clock()
        return means | {"steps_per_second": speed}
