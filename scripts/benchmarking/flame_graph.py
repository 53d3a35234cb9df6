"""A flame graph: sampled stacks as an SVG, each frame as wide as its share of all samples, callers above callees."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from html import escape

#: Pixels: of the whole width, of a row's height, of the head, of one character, and of the narrowest frame drawn.
WIDTH, ROW, HEAD, CHARACTER, NARROWEST = 1600.0, 17, 34, 6.4, 0.4

_STYLE = "text{font:11px monospace;pointer-events:none} rect{stroke:#fff;stroke-width:.4} .t{font-size:14px}"


@dataclass
class Frame:
    """A function called by the frames above it; `samples` counts those of it and of all below it."""

    name: str
    samples: int = 0
    callees: dict[str, "Frame"] = field(default_factory=dict)

    def add(self, stack: Sequence[str], count: int) -> None:
        """Add samples of a stack below this frame."""
        frame = self
        frame.samples += count
        for name in stack:
            frame = frame.callees.setdefault(name, Frame(name))
            frame.samples += count


def drawn(stacks: Mapping[tuple[str, ...], int], title: str) -> str:
    """Return the SVG of stacks and how often each was seen; the first frame of each decides the colour."""
    root = Frame("all")
    for stack, count in stacks.items():
        root.add(stack, count)
    scale = WIDTH / max(root.samples, 1)
    boxes = list(_boxes(root, 0.0, 0, scale, root.samples, ""))
    height = HEAD + ROW * (1 + max(depth for depth, _ in boxes)) + 6
    size = f'width="{WIDTH:.0f}" height="{height}" viewBox="0 0 {WIDTH:.0f} {height}"'
    head = f'<text class="t" x="6" y="21">{escape(title)}</text>'
    body = "\n".join(box for _, box in boxes)
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{_STYLE}</style>\n{head}\n{body}\n</svg>\n'


def _boxes(frame: Frame, x: float, depth: int, scale: float, total: int, kind: str) -> Iterator[tuple[int, str]]:
    """Yield the boxes of a frame and of everything below it, each with its depth; the widest callee stands first."""
    width = frame.samples * scale
    if width < NARROWEST:
        return
    yield depth, _box(frame, x, depth, width, total, kind)
    for callee in sorted(frame.callees.values(), key=lambda one: -one.samples):
        yield from _boxes(callee, x, depth + 1, scale, total, kind or callee.name)
        x += callee.samples * scale


def _box(frame: Frame, x: float, depth: int, width: float, total: int, kind: str) -> str:
    y, share = HEAD + ROW * depth, 100 * frame.samples / max(total, 1)
    told = f"<title>{escape(frame.name)}: {frame.samples} samples, {share:.2f} %</title>"
    place = f'x="{x:.2f}" y="{y}" width="{width:.2f}" height="{ROW - 1}"'
    letters = int((width - 6) / CHARACTER)
    shown = frame.name if len(frame.name) <= letters else f"{frame.name[: letters - 1]}…"
    text = f'<text x="{x + 3:.2f}" y="{y + 12}">{escape(shown)}</text>' if letters > 2 else ""
    return f'<g>{told}<rect {place} fill="{_colour(frame.name, kind)}"/>{text}</g>'


def _colour(name: str, kind: str) -> str:
    """Return a colour: the hue is the process's, the lightness tells neighbours apart."""
    if not kind:
        return "#ddd"
    hue = int.from_bytes(blake2b(kind.encode(), digest_size=2).digest(), "big") % 360
    light = 68 + blake2b(name.encode(), digest_size=1).digest()[0] % 16
    return f"hsl({hue},62%,{light}%)"
