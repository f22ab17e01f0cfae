"""The colours that captions can name, as 8-bit RGB."""

COLORS: dict[str, tuple[int, int, int]] = {
    "red": (214, 26, 36),
    "orange": (255, 138, 0),
    "yellow": (255, 226, 70),
    "green": (16, 148, 58),
    "cyan": (0, 190, 214),
    "blue": (34, 64, 222),
    "purple": (150, 34, 176),
    "pink": (250, 130, 190),
    "brown": (124, 72, 30),
    "white": (255, 255, 255),
    "gray": (128, 132, 136),
    "black": (14, 14, 18),
}
