"""A colour map as a list of web colours, for what is drawn by a browser and not by matplotlib."""

from matplotlib import colormaps
from matplotlib.colors import to_hex


def hex_scale(name: str, num_colors: int = 64) -> list[str]:
    """Evenly spaced colours from the map's lower end to its upper one, such as "#440154"."""
    colors = colormaps[name].resampled(num_colors)
    return [to_hex(colors(place)) for place in range(num_colors)]
