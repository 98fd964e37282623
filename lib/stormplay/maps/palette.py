"""Colours that stay apart, also for eyes that see red and green alike."""

from __future__ import annotations

import colorsys

# Okabe and Ito's set ('Color Universal Design', 2008), its light members darkened to 3:1 against a pale ground.
BASE = ("#0067a5", "#c64f00", "#00795a", "#a8477f", "#8f6b00", "#2a7fb8", "#5d3a9b", "#3f4a56")
# Modelled hail size, small to large: one warm ramp, unlike any route's colour.
BANDS = ("#f2c14e", "#ee8f3d", "#dd5f3c", "#b23a48", "#7d2e68")
BAND_OPACITY = 0.13
GROUND = 0.9192 + 0.05  # relative luminance of #f4f6f8, the map's ground, as WCAG counts it


def route_colours(count: int) -> list[str]:
    """Return `count` different colours, neighbours in the list far apart.

    The eight base colours come first; each later turn through them shifts hue and lightness, so up to 200 routes
    keep colours of their own, all with a contrast of at least 3:1 against the map's ground.

    Args:
        count: How many colours are wanted.

    Returns:
        Hex strings such as `#0067a5`.
    """
    return [_shifted(BASE[i % len(BASE)], i // len(BASE)) for i in range(count)]


def _shifted(colour: str, turn: int) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, light, full = colorsys.rgb_to_hls(red, green, blue)
    hue = (hue + turn * 0.0381966) % 1  # a tenth of the golden angle: turns never land on each other
    light, full = light * (1, 0.72, 0.88)[turn % 3], min(1.0, full + 0.06 * (turn % 4))
    mixed = colorsys.hls_to_rgb(hue, light, full)
    while _contrast(mixed) < 3.05:  # 3 by WCAG, and a little for rounding to a hex string
        light *= 0.95
        mixed = colorsys.hls_to_rgb(hue, light, full)
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in mixed)


def _contrast(colour: tuple[float, float, float]) -> float:
    """Return the contrast against the map's ground (WCAG 2.2, 'contrast ratio')."""
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return GROUND / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
