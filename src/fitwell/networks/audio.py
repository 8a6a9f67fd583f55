"""Networks for sounds: how strong each band of pitch is at each moment, and a network that reads that.

Waves are cut into frames of 25 ms, one every 10 ms, faded in and out (Hann). The power of each frame's spectrum is
summed up in triangles that are evenly spaced on the mel scale, on which equal steps sound equally far apart (Stevens,
Volkmann and Newman 1937), mel(f) = 2595 log10(1 + f / 700), and its logarithm taken: what an ear hears, about.

What differs from speaker to speaker and from microphone to microphone is taken out of each sound by itself. It begins
and ends with frames that are not much quieter than its loudest one; a hundredth of its mean power is added to all
bands, which hides the noise of the room whatever it was; its mean is taken out, so that loud and quiet recordings are
alike, and a share of each band's own mean, in which a voice and a microphone color everything that they say. Each band
is then scaled to unit spread over the training sounds.

In training, stretches of time and ranges of bands are masked (SpecAugment, Park et al. 2019). Silence at the end of a
wave is what fills it up, and is not heard: what comes of a sound does not depend on how long others are.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, Int16
from torch import Tensor, nn
from torch.nn import functional

from fitwell.data.encode import ArrayBlock
from fitwell.data.sounds import FULL
from fitwell.networks.convolutional import (
    IMAGE_KERNEL,
    LARGE_SIDE,
    SCALED_BY,
    ConvolutionalLayer,
    initialize,
    multiplications_of,
    residual_stages,
)
from fitwell.networks.layer import ArrayNetwork, ArrayStart
from fitwell.networks.noise import uniform_noise
from fitwell.networks.recurrent import read, recurrent_layers, states_width
from fitwell.recipe import AudioNetwork, TrainingSettings

FRAME, STEP = 0.025, 0.010  # seconds
FLOOR = 0.01  # times the mean power of a sound is added to each band; chosen on three speakers of spoken digits
FAINTEST = 1e-10  # power added to each band, so that silence has a logarithm
MASKS = 2  # of either kind, for each sound
AT_ONCE = 64  # sounds whose spectra are measured together, before training


class Listening(nn.Module):
    """Waves become logarithms of power in mel bands, scaled, and marks of the frames that are no filling.

    Shape: 16-bit samples (rows, samples, 1) and noise words (layers, 2) or None -> (rows, frames, bands), and
    (rows, frames), which is 1 on a sound's own frames, else 0.
    """

    taper: Tensor
    filters: Tensor
    center: Tensor
    factor: Tensor

    def __init__(
        self,
        array: ArrayBlock,
        settings: AudioNetwork,
        training: TrainingSettings,
        *,
        noise_layer: int,
        sample: Int16[Tensor, "rows samples 1"] | None,
    ) -> None:
        super().__init__()
        bands = settings.bands
        assert bands != "auto"
        assert training.audio_time_mask != "auto"
        assert training.audio_band_mask != "auto"
        samples, rate = array.shape[0], array.rate
        self.length, self.step = max(2, round(FRAME * rate)), max(1, round(STEP * rate))
        self.frames = 1 + max(0, math.ceil((samples - self.length) / self.step))
        self.filling = (self.frames - 1) * self.step + self.length - samples
        # Twice as many frequencies as a frame has samples: low bands are narrower than those of the frame itself.
        self.points = 2 ** math.ceil(math.log2(2 * self.length))
        self.time_mask, self.band_mask = training.audio_time_mask, training.audio_band_mask
        self.silence, self.leveling = settings.silence, settings.leveling
        self.noise_layer = noise_layer
        self.register_buffer("taper", torch.hann_window(self.length))
        self.register_buffer("filters", torch.from_numpy(mel_filters(bands, rate=rate, points=self.points)))
        self.register_buffer("center", torch.zeros(bands))
        self.register_buffer("factor", torch.ones(bands))
        if sample is not None:
            self._scale_by(sample[:: max(1, len(sample) // SCALED_BY)])

    def forward(
        self, waves: Int16[Tensor, "rows samples 1"], noise: Tensor | None
    ) -> tuple[Float[Tensor, "rows frames bands"], Float[Tensor, "rows frames"]]:
        power, present = self._power(waves[..., 0])
        heard = (power - self.center) * self.factor
        if noise is not None and (self.time_mask or self.band_mask):
            heard = heard * kept_of(
                noise[self.noise_layer], present, bands=heard.shape[-1], time=self.time_mask, band=self.band_mask
            )
        return heard * present[..., None], present

    def _power(self, waves: Tensor) -> tuple[Tensor, Tensor]:
        samples = torch.arange(1, waves.shape[-1] + 1, device=waves.device)
        length = (samples * (waves != 0)).amax(-1, keepdim=True)  # up to the last one that is not silent
        starts = self.step * torch.arange(self.frames, device=waves.device)
        # Frames up to the one that holds the last sample.
        present = ((starts < (length - self.length).clamp_min(0) + self.step) & (length > 0)).to(torch.float32)
        wave = functional.pad(waves.to(torch.float32) / FULL, (0, self.filling))
        spectrum = torch.fft.rfft(wave.unfold(-1, self.length, self.step) * self.taper, self.points)
        power = (spectrum.real.square() + spectrum.imag.square()) @ self.filters
        if self.silence:
            power, present = without_silence(power, present, decibels=self.silence)
        floor = FLOOR * means_of(power, present).mean(-1) + FAINTEST
        heard = (power + floor[:, None, None]).log()
        of_bands = means_of(heard, present)
        common = of_bands.mean(-1, keepdim=True)
        return heard - torch.lerp(common, of_bands, self.leveling)[:, None], present

    def _scale_by(self, sample: Tensor) -> None:
        """Let the frames of these sounds have mean 0 and spread 1 in each band."""
        parts = [self._power(part[..., 0]) for part in torch.split(sample, AT_ONCE)]
        frames = torch.cat([power[present > 0] for power, present in parts]).double()
        if len(frames):
            self.center.copy_(frames.mean(0))
            self.factor.copy_(1 / frames.std(0, correction=0).clamp_min(FAINTEST))


class ConvolutionalAudio(ArrayNetwork):
    """Sounds become row vectors: residual stages over moments and bands; bands stay apart, because pitch tells much.

    Shape: 16-bit samples (rows, samples, 1) -> (rows, channels of the last stage times its bands).
    """

    def __init__(self, start: ArrayStart) -> None:
        super().__init__()
        own = start.settings.audio
        assert own.widths != "auto"
        assert own.bands != "auto"
        self.listening = Listening(start.array, own, start.training, noise_layer=start.noise_layer, sample=start.sample)
        self.noise_layers = 1
        self.is_halved = start.training.image_precision == "bfloat16"
        sides = (self.listening.frames, own.bands)
        self.first_stride = 2 if max(sides) >= LARGE_SIDE else 1
        first = ConvolutionalLayer(
            nn.Conv2d, 1, own.widths[0], start.settings, kernel=IMAGE_KERNEL, stride=self.first_stride
        )
        self.layers = nn.ModuleList(
            [first, *residual_stages(nn.Conv2d, own.widths, start.settings, kernel=IMAGE_KERNEL, blocks=1)]
        )
        self.width = own.widths[-1] * math.ceil(own.bands / (self.first_stride * 2 ** (len(own.widths) - 1)))
        self.multiplications = multiplications_of(self.layers, sides)
        initialize(self, start.settings, generator=start.generator)

    def forward(self, waves: Int16[Tensor, "rows samples 1"], noise: Tensor | None) -> Float[Tensor, "rows features"]:
        heard, own_frames = self.listening(waves, noise)
        hidden, present = heard[..., None].movedim(-1, -3), own_frames[..., None, :, None]  # channels last in memory
        with torch.autocast(waves.device.type, torch.bfloat16, enabled=self.training and self.is_halved):
            for place, layer in enumerate(self.layers):
                stride = self.first_stride if place == 0 else 2 if place > 1 else 1
                present = present[..., ::stride, :]
                hidden = layer(hidden, present)
        hidden = hidden.float()
        means: Tensor = hidden.sum(-2) / present.sum(-2).clamp_min(1.0)
        return means.flatten(-2)


class RecurrentAudio(ArrayNetwork):
    """Sounds become row vectors: the states at the end of each pass beside the means of all states.

    Shape: 16-bit samples (rows, samples, 1) -> (rows, 2 units), twice as many in both directions.
    """

    def __init__(self, start: ArrayStart) -> None:
        super().__init__()
        own = start.settings.audio
        assert own.widths != "auto"
        assert own.bands != "auto"
        self.listening = Listening(start.array, own, start.training, noise_layer=start.noise_layer, sample=start.sample)
        self.noise_layers = 1
        self.bidirectional = own.bidirectional
        self.layers = recurrent_layers(
            own.family, own.bands, own.widths, bidirectional=self.bidirectional, generator=start.generator
        )
        self.width = states_width(own.widths, bidirectional=self.bidirectional)
        weights = sum(parameter.numel() for parameter in self.parameters() if parameter.ndim == 2)
        self.multiplications = float(self.listening.frames * weights)

    def forward(self, waves: Int16[Tensor, "rows samples 1"], noise: Tensor | None) -> Float[Tensor, "rows features"]:
        heard, present = self.listening(waves, noise)
        return read(self.layers, heard, present, bidirectional=self.bidirectional)


def means_of(
    values: Float[Tensor, "rows frames bands"], present: Float[Tensor, "rows frames"]
) -> Float[Tensor, "rows bands"]:
    """Return each band's mean over a sound's own frames; 0 where it has none."""
    return (values * present[..., None]).sum(1) / present.sum(1, keepdim=True).clamp_min(1.0)


def without_silence(
    power: Float[Tensor, "rows frames bands"], present: Float[Tensor, "rows frames"], *, decibels: float
) -> tuple[Float[Tensor, "rows frames bands"], Float[Tensor, "rows frames"]]:
    """Return sounds from their first to their last frame at most so much quieter than the loudest, moved to the front.

    >>> power = torch.tensor([0.001, 1.0, 0.0, 0.5, 0.001]).reshape(1, 5, 1)
    >>> moved, present = without_silence(power, torch.ones(1, 5), decibels=20.0)
    >>> moved[0, :3, 0].tolist(), present.tolist()
    ([1.0, 0.0, 0.5], [[1.0, 1.0, 1.0, 0.0, 0.0]])
    """
    energy = power.sum(-1) * present
    loud = (energy >= 10 ** (-decibels / 10) * energy.amax(-1, keepdim=True)) & (present > 0)
    frames = power.shape[1]
    places = torch.arange(frames, device=power.device)
    first = torch.where(loud, places, frames).amin(-1, keepdim=True)
    length = (torch.where(loud, places + 1, 0).amax(-1, keepdim=True) - first).clamp_min(0)
    moved = (places + first).clamp(max=frames - 1)
    return torch.take_along_dim(power, moved[..., None], 1), (places < length).to(present.dtype)


def mel_edges(bands: int, *, rate: int) -> Float[np.ndarray, " edges"]:
    """Return the frequencies, in hertz, that divide 0 to rate / 2 into so many bands equally wide in mel.

    >>> mel_edges(2, rate=8000).round()
    array([   0., 1114., 4000.])
    """
    return np.asarray(700 * (10 ** (np.linspace(0, 2595 * math.log10(1 + rate / 1400), bands + 1) / 2595) - 1))


def mel_filters(bands: int, *, rate: int, points: int) -> Float[np.ndarray, "frequencies bands"]:
    """Return triangles over the frequencies of a spectrum of so many points, evenly spaced in mel from 0 to rate / 2.

    Each rises from the middle of the band before to 1 at its own, and falls to the middle of the band after.

    >>> mel_filters(3, rate=8000, points=16).argmax(axis=0)  # of frequencies 500 Hz apart
    array([1, 2, 5])
    """
    edges = mel_edges(bands + 1, rate=rate)
    frequencies = np.arange(points // 2 + 1)[:, None] * (rate / points)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (frequencies - low) / (middle - low), (high - frequencies) / (high - middle)
    return np.asarray(np.minimum(rising, falling).clip(0), dtype=np.float32)


def kept_of(
    words: Tensor, present: Float[Tensor, "rows frames"], *, bands: int, time: float, band: float
) -> Float[Tensor, "rows frames bands"]:
    """Return 0 where a sound is masked, else 1: up to shares of its own frames and of the bands, in stretches.

    How long a stretch is and where it begins are a function of the noise words and a sound's place.
    """
    rows, frames = present.shape
    uniform = uniform_noise(words, (rows, MASKS, 2, 2))  # of each mask: time or band; how long, where
    kept = torch.ones(rows, frames, bands, device=present.device)
    lengths = present.sum(-1)
    for mask in range(MASKS):
        for kind, (share, whole) in enumerate(((time, lengths), (band, torch.full_like(lengths, float(bands))))):
            long = (uniform[:, mask, kind, 0] * (share * whole + 1)).floor().clamp(max=share * whole)
            start = (uniform[:, mask, kind, 1] * (whole - long + 1)).floor()
            places = torch.arange(frames if kind == 0 else bands, device=present.device)
            inside = (places >= start[:, None]) & (places < (start + long)[:, None])
            kept = kept * ~(inside[:, :, None] if kind == 0 else inside[:, None, :])
    return kept
