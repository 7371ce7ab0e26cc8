# SPDX-License-Identifier: GPL-3.0-or-later
"""Find buttons, sliders and panels in a real Blender's sidebar with the mouse, as nothing in its Python tells where.

Over a button Ctrl+C copies the Python command that it runs, and Ctrl+Shift+Alt+C over a property copies its data path;
A over a panel's header folds and unfolds it. So the mouse goes down the sidebar and asks; the wheel brings the rest.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from real_blender import SCREEN, Window

Place = tuple[int, int]

BUTTON_STEP, HEADER_STEP = 9, 16
"""Pixels between two questions: less than the height of what is looked for, so that none is passed over."""

ANIMATION_SECONDS = 0.5
"""In which panels slide to where they will be."""

WHEEL, SCROLL_ALL = 40, 60
"""Pixels that Blender scrolls a sidebar for one click of the wheel, and clicks that scroll through any sidebar."""

LAST_BUTTON = "image_to_3d.reconstruct_photo"
LAST_BUTTON_HEIGHT = 40
"""Below this button the main panel holds other panels alone. Its height in pixels, with what is around it."""

COMMAND, DATA_PATH = "ctrl+c", "ctrl+shift+alt+c"


class Sidebar:
    """One sidebar of a running Blender.

    Args:
        window: the Blender.
        kind: "sidebar" for the 3D viewport's, "image_sidebar" for the Image Editor's.
    """

    def __init__(self, window: Window, kind: str = "sidebar") -> None:
        self.window = window
        self.kind = kind

    def find_operator(
        self, operator: str, arguments: str = "", *, at_right: bool = False, column: tuple[int, int] | None = None
    ) -> Place:
        """Where the button of an operator is, in pixels from the screen's top left; scrolls to it where needed.

        Args:
            operator: its identifier.
            arguments: must be part of the copied command, where several buttons run the operator.
            at_right: it is an icon at the right end of a row.
            column: it is in this column, counted from 0, of so many equally wide ones.

        Raises:
            LookupError: it is not there.
        """
        x = self._right_edge() if at_right else self._middle()
        if column is not None:
            x = self._column(*column)
        return self._find(COMMAND, x, f"bpy.ops.{operator}(", arguments)

    def find_property(self, path: str) -> Place:
        """Where a property's field or slider is; ``path`` is the end of its data path. Raises LookupError."""
        return self._find(DATA_PATH, self._middle(), "", path)

    def press(self, operator: str, arguments: str = "", *, at_right: bool = False) -> None:
        """Click the button of an operator, once the window has come to rest. Raises LookupError."""
        self.window.settle()
        self.window.click(self.find_operator(operator, arguments, at_right=at_right))

    def type_into(self, path: str, text: str) -> None:
        """Type a value into a number's field. Raises LookupError."""
        self.window.move(*self.find_property(path))
        for keys in (["key", "Return"], ["key", "ctrl+a"], ["type", text], ["key", "Return"]):
            time.sleep(0.2)
            self.window.xdotool(*keys)
        self.window.settle(0.3)

    @contextmanager
    def drag(self, path: str, has_moved: Callable[[dict[str, Any]], bool]) -> Iterator[None]:
        """Pull a slider to the right until the state shows it, and keep the mouse pressed inside the block.

        Raises:
            LookupError: there is no such slider, or it does not move.
        """
        self.window.move(*self.find_property(path))
        self.window.settle(0.3)
        self.window.xdotool("mousedown", 1)
        try:
            for _ in range(40):
                # Relative: Blender keeps the hidden pointer where the drag began.
                self.window.xdotool("mousemove_relative", 4, 0)
                time.sleep(0.15)
                if has_moved(self.window.state()):
                    break
            else:
                raise LookupError(f"{path} does not move")
            yield
        finally:
            self.window.xdotool("mouseup", 1)

    def unfold(self, panel: str) -> None:
        """Open a panel inside our main one, and fold those above it so that it is near the top.

        Raises:
            LookupError: there is no such panel.
        """
        before = self._open_panels()
        if panel in before:
            return
        self.scroll(-SCROLL_ALL)
        # Not over the main panel's own buttons: A there would fold all of it.
        _, top = self.find_operator(LAST_BUTTON)
        for x, y in self._visible(self._left_edge(), HEADER_STEP):
            if y < top + LAST_BUTTON_HEIGHT:
                continue
            self._press_key((x, y), "a")
            now = self._open_panels()
            if now != before:
                time.sleep(ANIMATION_SECONDS)
            if panel in now:
                return
            if now > before:
                self._press_key((x, y), "a")
                time.sleep(ANIMATION_SECONDS)
            before = self._open_panels()
        raise LookupError(f"no header of {panel} in the {self.kind}")

    def scroll(self, clicks: int) -> bool:
        """Turn the wheel over the sidebar's top, downwards where positive; whether there was something to scroll."""
        before = self.geometry["scroll"]
        self.window.move(self._left_edge(), self._top() + 16)
        self.window.xdotool("click", "--repeat", abs(clicks), "--delay", 15, 5 if clicks > 0 else 4)
        time.sleep(0.3)
        self.window.settle(0.3)
        return self.geometry["scroll"] != before

    @property
    def geometry(self) -> dict[str, int]:
        """Place and size in the window, y counting up from its bottom; and how far it is scrolled."""
        return self.window.state()[self.kind]

    def _find(self, key: str, x: int, start: str, part: str) -> Place:
        self.window.ask({"watch_clipboard": True})
        try:
            for place in self._places(x, BUTTON_STEP):
                copies = self.window.state()["copies"]
                self._press_key(place, key)
                self.window.ask({})
                state = self.window.state()
                if state["copies"] > copies and state["copied"].startswith(start) and part in state["copied"]:
                    return place
        finally:
            self.window.ask({"watch_clipboard": False})
        raise LookupError(f"nothing copies {start or part} in the {self.kind}")

    def _places(self, x: int, step: int) -> Iterator[Place]:
        """Down the sidebar: what is seen now, then all of it from the top, page by page."""
        yield from self._visible(x, step)
        if not self.scroll(-SCROLL_ALL) and not self.scroll(self._page()):
            return
        self.scroll(-SCROLL_ALL)
        yield from self._visible(x, step)
        while self.scroll(self._page()):
            yield from self._visible(x, step)

    def _visible(self, x: int, step: int) -> Iterator[Place]:
        top = self._top()
        for y in range(top + 8, top + self.geometry["height"] - 6, step):
            yield x, y

    def _page(self) -> int:
        """Clicks of the wheel."""
        return max(1, self.geometry["height"] // WHEEL - 2)

    def _top(self) -> int:
        return SCREEN[1] - self.geometry["y"] - self.geometry["height"]

    def _middle(self) -> int:
        """Left of the tabs, right of the labels."""
        return self.geometry["x"] + self.geometry["width"] // 2 + 5

    def _right_edge(self) -> int:
        """Over icons left of the tabs."""
        return self.geometry["x"] + self.geometry["width"] - 48

    def _column(self, number: int, count: int) -> int:
        """The middle of a column between the panel's margins."""
        left, right = self.geometry["x"] + 14, self.geometry["x"] + self.geometry["width"] - 34
        return round(left + (number + 0.5) / count * (right - left))

    def _left_edge(self) -> int:
        """Over a header's label, also one of a panel inside another."""
        return self.geometry["x"] + 45

    def _press_key(self, place: Place, key: str) -> None:
        """Hover, press, and let Blender come to it."""
        x, y = place
        self.window.xdotool("mousemove", x - 1, y, "mousemove", x, y, "sleep", "0.05", "key", key)

    def _open_panels(self) -> set[str]:
        self.window.ask({"redraw": self.kind})
        self.window.ask({})
        return set(self.window.state()["open_panels"])
