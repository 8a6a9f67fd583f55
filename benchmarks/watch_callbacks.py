"""Are trainings of Lightning and of Hugging Face's Trainer heard as one's own loop is? With the packages themselves.

    python benchmarks/watch_callbacks.py        # needs: pip install lightning transformers[torch]

The same little network learns the same rows three times: in a plain loop, under Lightning, and under Hugging Face's
Trainer, each at a rate that is far too low. All three have to be suspected of that; the signals of the first steps have
to agree with the plain loop's, weights have to end at the same bits as without the callback, and no hook may be left.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import fitwell as fw

RATE, EPOCHS, BATCH = 1e-8, 5, 32


def rows() -> tuple[Tensor, Tensor]:
    """Return inputs (rows, 8) and targets (rows, 1)."""
    inputs = torch.randn(512, 8, generator=torch.Generator().manual_seed(0))
    return inputs, inputs.sum(1, keepdim=True)


def network() -> nn.Sequential:
    """Return the network, with the same first weights each time."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))


def plain() -> tuple[Any, nn.Module]:
    """Return the watch over a plain loop, and the network."""
    net, (x, y) = network(), rows()
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
    with fw.watch(net, optimizer) as watch:
        for _ in range(EPOCHS):
            for inputs, targets in zip(x.split(BATCH), y.split(BATCH), strict=True):
                loss = nn.functional.mse_loss(net(inputs), targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                watch.record(loss=loss)
    return watch, net


def by_lightning(callback: Any) -> nn.Module:
    """Return the network after Lightning has trained it."""
    import lightning.pytorch as lightning

    class Module(lightning.LightningModule):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def training_step(self, batch: Any, _index: int) -> Tensor:
            loss = nn.functional.mse_loss(self.net(batch[0]), batch[1])
            self.log("loss", loss)
            return loss

        def validation_step(self, batch: Any, _index: int) -> None:
            self.log("val_loss", nn.functional.mse_loss(self.net(batch[0]), batch[1]))

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=RATE)

    module = Module()
    loader = DataLoader(TensorDataset(*rows()), batch_size=BATCH)
    trainer = lightning.Trainer(
        max_epochs=EPOCHS, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[] if callback is None else [callback],
    )  # fmt: skip
    trainer.fit(module, loader, loader)
    return module.net


def by_transformers(callback: Any) -> nn.Module:
    """Return the network after Hugging Face's Trainer has trained it."""
    import transformers

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def forward(self, inputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
            outputs = self.net(inputs)
            return {"loss": nn.functional.mse_loss(outputs, labels), "logits": outputs}

    class InOrder(transformers.Trainer):  # type: ignore[misc,name-defined]
        def _get_train_sampler(self, *_: Any) -> Any:
            return torch.utils.data.SequentialSampler(self.train_dataset)

    x, y = rows()
    data = [{"inputs": inputs, "labels": targets} for inputs, targets in zip(x, y, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            output_dir=folder, num_train_epochs=EPOCHS, per_device_train_batch_size=BATCH, use_cpu=True, report_to=[],
            logging_steps=4, eval_strategy="epoch", save_strategy="no", disable_tqdm=True, max_grad_norm=0.0,
            lr_scheduler_type="constant", learning_rate=RATE,
        )  # fmt: skip
        model = Model()
        optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
        trainer = InOrder(
            model=model, args=arguments, train_dataset=data, eval_dataset=data, optimizers=(optimizer, None),
            callbacks=[] if callback is None else [callback],
        )  # fmt: skip
        trainer.train()
    return model.net


TRAINERS: dict[str, tuple[Callable[[], Any], Callable[[Any], nn.Module]]] = {
    "Lightning": (fw.lightning_callback, by_lightning),
    "transformers": (fw.transformers_callback, by_transformers),
}


def main() -> int:
    """Print what each trainer's watch heard, and return how many heard something else."""
    warnings.simplefilter("ignore")  # of the packages
    own, _ = plain()
    expected = own.history.filter(split="batch")
    wrong = 0
    for name, (callback_for, trained) in TRAINERS.items():
        callback = callback_for()
        watched, unwatched = trained(callback), trained(None)
        heard = callback.watch.history.filter(split="batch")
        same = min(8, len(heard), len(expected))
        apart = max(
            float((heard[f"{signal}.{prefix}{layer}"][:same] - expected[f"{signal}.{layer}"][:same]).abs().max())
            for signal in ("gradient_norm", "weight_norm", "update_ratio")
            for layer in ("0", "2")
            for prefix in ("net.",)
        )
        bits = all(torch.equal(a, b) for a, b in zip(watched.parameters(), unwatched.parameters(), strict=True))
        hooks = sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in watched.modules())
        said = [finding.symptom for finding in callback.watch.findings]
        looks = callback.watch.history.filter(split="validation")["loss"].len()
        held = said[:1] == ["learning_rate_too_low"] and apart < 1e-5 and bits and not hooks and looks >= EPOCHS
        wrong += not held
        print(
            f"{name}: {len(heard)} steps measured, {looks} validation losses, signals within {apart:.1e} of the plain "
            f"loop's, same weights to the bit: {bits}, hooks left: {hooks}, suspected: {', '.join(said) or 'nothing'}"
            f"{'' if held else '  <- wrong'}"
        )
    return wrong


if __name__ == "__main__":
    sys.exit(main())
