"""Tables of a user's own people."""

from __future__ import annotations

from collections.abc import Callable

from tests.trust.case import READ, REFUSED, Case, twin
from tests.trust.cases.making import HOSTILE_NAMES, NO_FILES, Write, damages, tree

ENTRY = "table"
CHECK = ("data", "check", "folder/people.csv", "--workers", "1")
HEAD = "path,pid,modality\n"
ROW = "visible/1/0.png,1,visible\n"


def table(change: Callable[[bytes], bytes]) -> Write:
    return tree("folder", lambda root: (root / "people.csv").write_bytes(change((root / "people.csv").read_bytes())))


def text(content: str | bytes) -> Write:
    return table(lambda _: content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))


TABLES_OF_TEXT = {
    "nothing": "",
    "a head alone": HEAD,
    "no head": ROW,
    "a column twice": "path,path,pid,modality\n" + ROW,
    "too few fields": HEAD + "visible/1/0.png\n",
    "another modality": HEAD + "visible/1/0.png,1,[/x]\x1b[31m\n",
    "a path that leads out": HEAD + "../../../etc/passwd,1,visible\n",
    "an absolute path": HEAD + "/etc/passwd,1,visible\n",
    "a device": HEAD + "/dev/zero,1,visible\n",
    "a network address": HEAD + "http://x.invalid/a.png,1,visible\n",
    "a camera of text": "path,pid,modality,camid\nvisible/1/0.png,1,visible,²\n",
    "a camera of 5000 digits": "path,pid,modality,camid\nvisible/1/0.png,1,visible," + "9" * 5000 + "\n",
    "another split": "path,pid,modality,split\nvisible/1/0.png,1,visible,val\n",
    "an open quote": HEAD + '"' + ROW * 1000,
    "a field of a megabyte": HEAD + "visible/1/0.png," + "1" * 1_000_000 + ",visible\n",
    "zero bytes": HEAD + "visible/1/0.png\x00,1,visible\n",
    "GBK": HEAD.encode() + b"visible/1/0.png,\xd5\xc5,visible\n",
    "half of UTF-16": (HEAD + ROW).encode("utf-16")[:-1],
    "columns by the thousand": ",".join(map(str, range(100_000))) + "\n" + ROW,
    "missing images": HEAD + "visible/1/absent.png,1,visible\n" * 5000,
    "no person": HEAD + "visible/1/0.png,,visible\n",
    "a pickle": b"\x80\x02cos\nsystem\nX\x0b\x00\x00\x00touch owned\x85R.",
    "a formula": HEAD + "=cmd|' /C calc'!A0,1,visible\n",
    "a table inside itself": HEAD + "people.csv,1,visible\n",
}

TABLES: tuple[Case, ...] = (
    twin(ENTRY, "as written", table(bytes), CHECK),
    twin(ENTRY, "with semicolons, a mark and blanks", table(lambda content: b"\xef\xbb\xbf" + content.replace(b",", b" ; ")), CHECK),
    twin(ENTRY, "UTF-16 with tabs", table(lambda content: content.decode().replace(",", "\t").encode("utf-16")), CHECK),
    twin(ENTRY, "further columns", table(lambda content: content.replace(b"\n", b",note\n")), CHECK),
    twin(ENTRY, "people with names", table(lambda content: content.replace(b",1,", b",[Zo\xc3\xab],")), CHECK),
    *(Case(ENTRY, name, text(content), CHECK) for name, content in TABLES_OF_TEXT.items()),
    *(
        Case(ENTRY, f"a person named {name}", text(HEAD + f'visible/1/0.png,"{name_}",visible\n'), CHECK)
        for name, name_ in HOSTILE_NAMES.items()
    ),
    *(Case(ENTRY, f"a file named {name}", text(HEAD + f'"{name_}",1,visible\n'), CHECK) for name, name_ in HOSTILE_NAMES.items()),
    *(Case(ENTRY, f"a column named {name}", text(f'"{name_}",pid,modality\n' + ROW), CHECK) for name, name_ in HOSTILE_NAMES.items()),
    *(Case(ENTRY, name, table(change), CHECK, (READ, REFUSED)) for name, change in damages(3)),
    *(
        Case(ENTRY, f"{name} instead of a table", tree("folder", lambda root, put=put: put(root / "people.csv")), CHECK)
        for name, put in NO_FILES.items()
    ),
)
