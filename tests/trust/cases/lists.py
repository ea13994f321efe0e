"""Lists of images and identities in the published layouts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.trust.case import READ, REFUSED, Case, twin
from tests.trust.cases.making import HOSTILE_NAMES, NO_FILES, damages, tree

ENTRY = "list"
CHECKED = {"sysu": "exp/train_id.txt", "regdb": "idx/train_visible_1.txt", "llcm": "idx/train_vis.txt", "msmt17": "list_train.txt"}
"""A list of each layout that has one."""


def check(layout: str) -> tuple[str, ...]:
    return ("data", "check", layout, "--workers", "1")


def listed(layout: str, content: str | bytes) -> Callable[[Path], object]:
    """Replace the list of a tree."""
    text = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    return lambda root: (root / CHECKED[layout]).write_bytes(text)


def case(layout: str, name: str, content: str | bytes, codes: tuple[int, ...] = (REFUSED,)) -> Case:
    return Case(ENTRY, f"{layout}: {name}", tree(layout, listed(layout, content)), check(layout), codes)


IDENTITIES = {
    "superscript digits": "1,²,3",
    "Arabic digits": "1,٣,3",
    "a number of 5000 digits": "1," + "9" * 5000,
    "a negative number": "-1,2",
    "a fraction": "1.5,2",
    "an exponent": "1e9,2",
    "underscores": "1_000,2",
    "nothing": "",
    "commas": ",,,,,,",
    "zero bytes": b"1,\x00,2",
    "control bytes": "1,\x1b[31m[/x]\x07,2",
    "GBK": b"1,\xd5\xc5,2",
    "UTF-16 without a mark": "1,2,3".encode("utf-16-le"),
    "half of UTF-16": "1,2,3".encode("utf-16")[:-1],
    "UTF-32": "1,2,3".encode("utf-32"),
    "one long word": "1" * 1_000_000,
    "a million numbers": ",".join(map(str, range(1_000_000))),
    "numbers without images": "900000001,900000002",
    "a pickle": b"\x80\x02cos\nsystem\nX\x0b\x00\x00\x00touch owned\x85R.",
}
LINES = {
    "a path that leads out": "../../../etc/passwd 0\n",
    "an absolute path": "/etc/passwd 0\n",
    "a device": "/dev/zero 0\n",
    "a path of Windows": "C:\\Windows\\x.bmp 0\n",
    "a network path": "//server/share/x.bmp 0\n",
    "a network address": "http://x.invalid/x.bmp 0\n",
    "no label": "Visible/1/a.bmp\n",
    "a label of 5000 digits": "Visible/1/a.bmp " + "9" * 5000 + "\n",
    "an empty path": " 0\n",
    "dots": "../. 0\n./../. 1\n",
    "zero bytes": b"Visible/1/a\x00.bmp 0\n",
    "a long path": "Visible/1/" + "a" * 100_000 + ".bmp 0\n",
    "a path with markup": "Visible/[/x]/a.bmp 0\n",
    "a path with control bytes": "Visible/1/\x1b[2Ja\x07.bmp 0\n",
    "half a million lines": "Visible/1/a.bmp 0\n" * 500_000,
    "many slashes": "Visible/" + "/" * 100_000 + "a.bmp 0\n",
    "many steps back": "Visible/1/" + "../" * 50_000 + "a.bmp 0\n",
    "identities named by text": "Visible/x/a.bmp 0\nVisible/²/a.bmp 1\n",
    "surrogates": "Visible/1/\udcff.bmp 0\n",
    "GBK": b"Visible/1/\xd5\xc5.bmp 0\n",
}


def damaged() -> list[Case]:
    found = []
    for layout, name in CHECKED.items():
        for what, change in damages(1):
            write = tree(layout, lambda root, name=name, change=change: (root / name).write_bytes(change((root / name).read_bytes())))
            found.append(Case(ENTRY, f"{layout}: {what}", write, check(layout), (READ, REFUSED)))
        for what, put in NO_FILES.items():
            write = tree(layout, lambda root, name=name, put=put: put(root / name))
            found.append(Case(ENTRY, f"{layout}: {what} instead of a list", write, check(layout)))
    return found


LISTS: tuple[Case, ...] = (
    *(twin(ENTRY, f"{layout} as released", tree(layout), check(layout)) for layout in CHECKED),
    twin(ENTRY, "regdb: saved on Windows", tree("regdb", lambda root: windows(root / CHECKED["regdb"])), check("regdb")),
    twin(ENTRY, "regdb: UTF-16 with a mark", tree("regdb", lambda root: utf16(root / CHECKED["regdb"])), check("regdb")),
    *(case("sysu", name, content) for name, content in IDENTITIES.items()),
    *(case("regdb", name, content) for name, content in LINES.items()),
    *(case("msmt17", name, content) for name, content in LINES.items()),
    *(case("regdb", f"a file named {name}", f"Visible/1/{text}.bmp 0\n") for name, text in HOSTILE_NAMES.items()),
    *damaged(),
)


def windows(path: Path) -> None:
    """With a byte order mark, backslashes, and line ends of two characters."""
    path.write_bytes(b"\xef\xbb\xbf" + path.read_text().replace("/", "\\").replace("\n", "\r\n").encode())


def utf16(path: Path) -> None:
    path.write_bytes(path.read_text().encode("utf-16"))
