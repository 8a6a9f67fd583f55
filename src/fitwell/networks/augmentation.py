"""Pictures are changed in training in ways that do not change what they show: a network learns to look past them.

Each is moved, mirrored, cropped and turned by one map of places, its light and color are changed, and a rectangle of it
is erased; what happens to a picture is a function of the noise words and its place in the batch, as all noise is
(`networks/noise.py`). So members, resumed trainings and parts of a batch see the pictures that they always see.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped, UInt8
from torch import Tensor
from torch.nn import functional

from fitwell.networks.mixing import Mixing, mixing_of
from fitwell.networks.noise import uniform_noise
from fitwell.recipe import TrainingSettings

NOISE_LAYERS = 4  # places, crop and angle, color, what is erased
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R 601)
MOST_OBLONG = 2.0  # of an erased rectangle, one side to the other


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far pictures are changed, and what is put where something is erased."""

    shift: float  # up to this share of the sides, either way
    flip: bool  # mirror half of them
    crop: float  # sides shrink by up to this share; what is left fills the picture
    rotation: float  # degrees, up to so many either way
    color: float  # factors of light, contrast and saturation lie within this much of 1
    erase: float  # a rectangle of up to this share of the area

    @property
    def acts(self) -> bool:
        """Whether anything is changed."""
        return self.resamples or self.flip or self.shift > 0 or self.color > 0 or self.erase > 0

    @property
    def resamples(self) -> bool:
        """Whether places between pixels are needed."""
        return self.crop > 0 or self.rotation > 0

    def moved(
        self, images: UInt8[Tensor, "rows height width channels"], noise: Int[Tensor, "layers words"]
    ) -> Float[Tensor, "rows height width channels"]:
        """Return the pictures moved, mirrored, cropped and turned, and their light and colors changed."""
        changed: Tensor = images
        if self.resamples:
            changed = resampled(images, noise[0], noise[1], how=self)
        elif self.shift or self.flip:
            reach = (round(self.shift * images.shape[1]), round(self.shift * images.shape[2]))
            changed = moved(images, noise[0], reach=reach, flip=self.flip)
        changed = changed.to(torch.float32)
        return recolored(changed, noise[2], most=self.color) if self.color else changed


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What training makes of the pictures of a column, and which of the noise words it follows.

    Pictures are mixed by the last noise words of the whole network, which its loss follows too.
    """

    augmentation: Augmentation
    mixing: Mixing
    noise_layer: int  # the first of its own words

    @property
    def act(self) -> bool:
        """Whether any picture is changed."""
        return self.augmentation.acts or self.mixing.acts

    def scaled(
        self,
        images: UInt8[Tensor, "rows height width channels"],
        noise: Int[Tensor, "all_layers words"] | None,
        *,
        center: Float[Tensor, " channels"],
        factor: Float[Tensor, " channels"],
    ) -> Float[Tensor, "rows height width channels"]:
        """Return pictures centered and scaled, changed where there is noise; what is erased is at the center."""
        if noise is None or not self.act:
            return (images.to(center.dtype) - center) * factor
        own = noise[self.noise_layer : self.noise_layer + NOISE_LAYERS]
        scaled = (self.augmentation.moved(images, own) - center) * factor
        if self.augmentation.erase:
            rows, height, width, _ = images.shape
            scaled = scaled * left_of((rows, height, width), own[3], most=self.augmentation.erase)
        return self.mixing.drawn(noise[-1], len(images)).pictures(scaled) if self.mixing.acts else scaled

    def seen(
        self,
        images: UInt8[Tensor, "rows height width channels"],
        noise: Int[Tensor, "all_layers words"],
        *,
        center: Float[Tensor, " channels"],
        factor: Float[Tensor, " channels"],
    ) -> UInt8[Tensor, "rows height width channels"]:
        """Return pictures as training with this noise sees them, in bytes to look at."""
        scaled = self.scaled(images, noise, center=center, factor=factor)
        return (scaled / factor + center).round().clamp(0, 255).to(torch.uint8)


def changes_of(training: TrainingSettings, *, noise_layer: int) -> Changes:
    """Return what a recipe asks for, by noise words from this place on."""
    return Changes(augmentation=augmentation_of(training), mixing=mixing_of(training), noise_layer=noise_layer)


def augmentation_of(training: TrainingSettings) -> Augmentation:
    """Return what a recipe asks for."""
    assert training.image_shift != "auto"
    assert training.image_flip != "auto"
    assert training.image_crop != "auto"
    assert training.image_rotation != "auto"
    assert training.image_color != "auto"
    assert training.image_erase != "auto"
    return Augmentation(
        shift=training.image_shift,
        flip=training.image_flip,
        crop=training.image_crop,
        rotation=training.image_rotation,
        color=training.image_color,
        erase=training.image_erase,
    )


def moved(
    images: Shaped[Tensor, "rows height width channels"],
    words: Shaped[Tensor, " words"],
    *,
    reach: tuple[int, int],
    flip: bool,
) -> Shaped[Tensor, "rows height width channels"]:
    """Return each picture moved by up to `reach` places down or up and right or left, and half of them mirrored.

    What enters at an edge repeats the edge. The moves are a function of the noise words and a picture's place.
    """
    rows, height, width, _ = images.shape
    uniform = uniform_noise(words, (rows, 3)).T
    down, right = ((part * (2 * most + 1)).to(torch.int64) - most for part, most in zip(uniform, reach, strict=False))
    y = (torch.arange(height, device=images.device) + down[:, None]).clamp(0, height - 1)
    x = (torch.arange(width, device=images.device) + right[:, None]).clamp(0, width - 1)
    if flip:
        x = torch.where(uniform[2, :, None] < 0.5, width - 1 - x, x)
    places = torch.arange(rows, device=images.device)[:, None, None]
    return images[places, y[:, :, None], x[:, None, :]]


def resampled(
    images: UInt8[Tensor, "rows height width channels"],
    move_words: Int[Tensor, " words"],
    crop_words: Int[Tensor, " words"],
    *,
    how: Augmentation,
) -> Float[Tensor, "rows height width channels"]:
    """Return each picture cropped, turned, moved and mirrored by one map of places, with values between pixels linear.

    A place (x, y) of the result, from -1 to 1, shows the place c + s R (±x, y) of the picture: R turns, s (below 1, for
    either side its own) crops, c is where the crop lies, and the shift. What enters at an edge repeats the edge.
    """
    rows, height, width, _ = images.shape
    place, cut = uniform_noise(move_words, (rows, 3)), uniform_noise(crop_words, (rows, 5))
    size = 1 - how.crop * cut[:, :2]  # of the crop: height, width
    middle = (1 - size) * (2 * cut[:, 2:4] - 1) + 2 * how.shift * (2 * place[:, :2] - 1)
    angle = math.radians(how.rotation) * (2 * cut[:, 4] - 1)
    mirror = torch.where(place[:, 2] < 0.5, -1.0, 1.0) if how.flip else torch.ones_like(angle)
    # All (rows, 1, 1), beside the places (height, 1) and (width,) of the results.
    cos, sin, mirror = (each[:, None, None] for each in (angle.cos(), angle.sin(), mirror))
    tall, wide, down, right = (each[:, None, None] for each in (size[:, 0], size[:, 1], middle[:, 0], middle[:, 1]))
    y, x = ((torch.arange(side, device=images.device) + 0.5) * (2 / side) - 1 for side in (height, width))
    oblong = height / width
    across = wide * (cos * mirror * x - sin * oblong * y[:, None]) + right
    along = tall * (sin / oblong * mirror * x + cos * y[:, None]) + down
    values, grid = images.movedim(-1, -3).to(torch.float32), torch.stack([across, along], -1)
    return functional.grid_sample(values, grid, padding_mode="border", align_corners=False).movedim(-3, -1)


def recolored(
    images: Float[Tensor, "rows height width channels"], words: Int[Tensor, " words"], *, most: float
) -> Float[Tensor, "rows height width channels"]:
    """Return each picture with its light, contrast and saturation multiplied by factors within `most` of 1.

    Contrast is the distance from the picture's mean, saturation that from grey; grey pictures have none. Values stay
    between 0 and 255.
    """
    factors = 1 + most * (2 * uniform_noise(words, (len(images), 3, 1, 1, 1)) - 1)
    light, contrast, saturation = factors.unbind(1)
    changed = images * light
    mean = changed.mean((-3, -2, -1), keepdim=True)
    changed = mean + contrast * (changed - mean)
    if images.shape[-1] == len(LUMA):
        # No tensor of the weights: one that comes from the CPU cannot be part of a graph (`training/cuda_graphs.py`).
        grey = torch.stack([weight * color for weight, color in zip(LUMA, changed.unbind(-1), strict=True)]).sum(0)
        grey = grey[..., None]
        changed = grey + saturation * (changed - grey)
    return changed.clamp(0, 255)


def left_of(
    shape: tuple[int, int, int], words: Int[Tensor, " words"], *, most: float
) -> Float[Tensor, "rows height width 1"]:
    """Return 0 within a rectangle of each picture, else 1; `shape` is rows, height, width (Zhong et al. 2020).

    Its area is up to `most` of the picture's, one side up to twice the other, and it lies wholly within the picture.
    """
    rows, height, width = shape
    uniform = uniform_noise(words, (rows, 4))
    area, oblong = most * uniform[:, 0], MOST_OBLONG ** (2 * uniform[:, 1] - 1)
    inside = []
    for side, share, where in ((height, (area * oblong).sqrt(), 2), (width, (area / oblong).sqrt(), 3)):
        long = (side * share.clamp(max=1.0)).round()
        start = (uniform[:, where] * (side - long + 1)).floor()
        places = torch.arange(side, device=words.device)
        inside.append((places >= start[:, None]) & (places < (start + long)[:, None]))
    return (~(inside[0][:, :, None] & inside[1][:, None, :])).to(torch.float32)[..., None]
