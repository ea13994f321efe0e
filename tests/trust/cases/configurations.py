"""Configurations: what YAML itself can do to its reader. Classes that a user's own file names are the user's word."""

from __future__ import annotations

from tests.trust.case import READ, REFUSED, Case, Words, twin
from tests.trust.cases.making import HOSTILE_NAMES, NO_FILES, PLANTED, Write, both, damages, in_place, of_good, put

ENTRY = "configuration"
FILE = "c.yaml"
SHOWN: Words = ("fit", "-c", "../../good/small.yaml", "-c", FILE, "--data.root", "../../good/folder", "--print_config")
STUDY: Words = ("study", "--folder", "out/s", "--config", FILE)
EITHER = (READ, REFUSED)
PLACED = "data: {{init_args: {{root: {}}}}}\n"


def grown(levels: int, form: str) -> str:
    """Aliases of aliases: a few bytes mean two to the power of ``levels`` values."""
    lines = [f"a0: &a0 {form.format('x', 'x')}"]
    lines += [f"a{level}: &a{level} {form.format(f'*a{level - 1}', f'*a{level - 1}')}" for level in range(1, levels)]
    return "\n".join(lines) + "\n"


TEXTS: dict[str, str | bytes] = {
    "a call": "!!python/object/apply:os.system ['touch owned']",
    "a call in a value": PLACED.format("!!python/object/apply:os.system ['touch owned']"),
    "a new object": PLACED.format("!!python/object/new:planted_code.Planted {}"),
    "a module": PLACED.format("!!python/module:planted_code"),
    "a name": PLACED.format("!!python/name:os.system"),
    "a tuple": PLACED.format("!!python/tuple [a, b]"),
    "an unknown kind": PLACED.format("!include /etc/passwd"),
    "another kind": PLACED.format("!!binary eA=="),
    "a date": PLACED.format("2001-01-01"),
    "an impossible date": PLACED.format("2001-99-99"),
    "a date in the year 0": PLACED.format("0000-01-01 00:00:00"),
    "a variable": PLACED.format("${oc.env:HOME}"),
    "a number of 5000 digits": PLACED.format("9" * 5000),
    "a number with an exponent of 9 digits": PLACED.format("1e999999999"),
    "a number to the base of 60": PLACED.format(":".join(["59"] * 3000)),
    "a key of 5000 digits": "9" * 5000 + ": 1\n",
    "aliases of lists": grown(40, "[{}, {}]"),
    "aliases of mappings": grown(40, "{{a: {}, b: {}}}"),
    "aliases in the data": "data:\n  init_args:\n" + "".join(f"    {line}\n" for line in grown(40, "[{}, {}]").splitlines()),
    "aliases in a class": "model:\n  init_args:\n    losses:\n" + "".join(f"      {line}\n" for line in grown(40, "[{}, {}]").splitlines()),
    "a list that holds itself": "a: &a [*a]\n",
    "a mapping that holds itself": "&a model: *a\n",
    "data that hold themselves": "data: &a {init_args: *a}\n",
    "a merge with itself": "a: &a {<<: *a}\n",
    "merges that grow": "a: &a {x: 1}\n" + "".join(f"b{n}: &a {{<<: [*a, *a]}}\n" for n in range(200)),
    "nested lists": "a: " + "[" * 100_000,
    "nested lists that end": "data: " + "[" * 900 + "]" * 900,
    "nested mappings": "".join(f"{' ' * level}a:\n" for level in range(2000)),
    "nested in a line": "- " * 5000 + "a",
    "a tab": "model:\n\tseed: 1\n",
    "a zero byte": "data: {init_args: {root: 'a\x00b'}}\n",
    "an escaped zero byte": 'data: {init_args: {root: "a\\0b"}}\n',
    "control bytes": "data: {init_args: {root: '\x1b[2J[/x]'}}\n",
    "escaped control bytes": 'data: {init_args: {root: "\\e[2J[/x]\\a"}}\n',
    "escaped surrogates": 'data: {init_args: {root: "\\uD800"}}\n',
    "no UTF-8": b"\xff\xfe\x00\xd8",
    "GBK": b"data: {init_args: {root: \xd5\xc5}}\n",
    "UTF-32": "data: {}\n".encode("utf-32"),
    "a number": "3\n",
    "a text": "x\n",
    "a list": "[1, 2]\n",
    "two documents": "data: {}\n---\nmodel: {}\n",
    "an unknown key": "callback: os.system\n",
    "an unknown argument": "model: {init_args: {touch: owned}}\n",
    "a key of a list": "? [a, b]\n: 1\n",
    "a key of null": "~: 1\n",
    "a key of true": "true: 1\n",
    "the same key twice": "data: {init_args: {height: 16, height: 17}}\n",
    "a class of numbers": "model: {class_path: 3}\n",
    "a class of a list": "model: {class_path: [os.system]}\n",
    "a class that is a function": "model: {class_path: vireid.cli.main}\n",
    "a class that is a module": "model: {class_path: os}\n",
    "a class of another kind": "model: {class_path: vireid.SyntheticDataModule, init_args: {root: owned}}\n",
    "a class that is absent": "model: {class_path: vireid.Absent}\n",
    "a class without an end": "model: {class_path: " + "vireid." * 10_000 + "X}\n",
    "arguments of a list": "model: {init_args: [1]}\n",
    "arguments of text": "model: {init_args: x}\n",
    "a configuration in a configuration": "config: /dev/zero\n",
    "another configuration": "model: /dev/zero\n",
    "a height of NaN": "data: {init_args: {height: .nan}}\n",
    "a height of infinity": "data: {init_args: {height: .inf}}\n",
    "a height below 0": "data: {init_args: {height: -1}}\n",
    "a batch of 10^30": "data: {init_args: {identities_per_batch: 1" + "0" * 30 + "}}\n",
    "an archive": b"PK\x03\x04" + bytes(100),
    "ten million blanks": " " * 10_000_000,
    "a comment of ten megabytes": "#" + "x" * 10_000_000 + "\nmodel: {}\n",
    "a hundred thousand keys": "".join(f"a{n}: 1\n" for n in range(20_000)),
    "a text of a megabyte": "data: {init_args: {root: " + "x" * 1_000_000 + "}}\n",
}
HARMLESS = (
    "a date",
    "a variable",
    "a tuple",
    "another kind",
    "a merge with itself",
    "the same key twice",
    "ten million blanks",
    "a comment of ten megabytes",
    "UTF-32",
)
HARMLESS += (
    "escaped control bytes",
    "a text of a megabyte",
    "an escaped zero byte",
    "a height of NaN",
    "a batch of 10^30",
    "a height below 0",
    "two documents",
)
HARMLESS += ("a number with an exponent of 9 digits", "an impossible date", "control bytes", "escaped surrogates", "arguments of text")
HARMLESS += ("a number to the base of 60", "a number of 5000 digits", "a name", "a module")


def of(content: str | bytes) -> Write:
    return both(put(FILE, content), put("planted_code.py", PLANTED))


CONFIGURATIONS: tuple[Case, ...] = (
    twin(ENTRY, "as written", of("seed_everything: 3\n"), SHOWN),
    twin(ENTRY, "aliases", of("data: {init_args: {height: &a 32, width: *a}}\n"), SHOWN),
    twin(ENTRY, "comments alone", of("# seed: 3\n"), SHOWN),
    twin(ENTRY, "a folder in brackets", of("data: {init_args: {root: '[/x] ü'}}\n"), SHOWN),
    *(Case(ENTRY, name, of(content), SHOWN, EITHER if name in HARMLESS else (REFUSED,)) for name, content in TEXTS.items()),
    *(Case(ENTRY, f"a study: {name}", of(content), STUDY) for name, content in TEXTS.items()),
    *(Case(ENTRY, f"a key named {name}", of(f'{{"{name}": 1, ? {text!r} : 1}}'), SHOWN) for name, text in HOSTILE_NAMES.items()),
    *(Case(ENTRY, name, of_good("small.yaml", FILE, change), SHOWN, EITHER) for name, change in damages(4)),
    *(Case(ENTRY, f"{name} instead of a file", in_place(FILE, change), SHOWN) for name, change in NO_FILES.items()),
    *(Case(ENTRY, f"a study: {name} instead of a file", in_place(FILE, change), STUDY) for name, change in NO_FILES.items()),
)
