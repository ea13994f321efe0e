"""Results, which ``summarize`` and ``compare`` read, and the folder of a study."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.trust.case import READ, REFUSED, Case, twin
from tests.trust.cases.configurations import grown
from tests.trust.cases.making import HOSTILE_NAMES, NO_FILES, PLANTED, Write, both, damages, put, tree

ENTRY = "results"
SUMMARIZE, COMPARE = ("summarize", "results/a"), ("compare", "results/a", "results/b")
LATEX = (*SUMMARIZE, "--format", "latex", "--output", "out/t.tex")
MARKDOWN = (*SUMMARIZE, "--format", "markdown", "--output", "out/t.md")
FILE = "a/metrics.json"
EITHER = (READ, REFUSED)


def changed(change: Callable[[dict[str, Any]], object]) -> Write:
    """Results whose content is changed. The scores of queries, which must fit, are left out."""

    def rewrite(root: Path) -> None:
        content = json.loads((root / FILE).read_text())
        change(content)
        (root / FILE).write_text(json.dumps(content))
        (root / "a/queries.npz").unlink()
        (root / "b/queries.npz").unlink()

    return tree("results", rewrite)


def row(**entries: Any) -> Write:
    return changed(lambda content: content["results"][0].update(entries))


def value(metric: Any, **more: Any) -> Write:
    return changed(lambda content: content["results"][0]["values"].update({"mAP": metric}, **more))


def text(content: str | bytes) -> Write:
    return tree("results", lambda root: (root / FILE).write_bytes(content if isinstance(content, bytes) else content.encode()))


def doubled(protocols: int) -> Callable[[dict[str, Any]], object]:
    return lambda content: content.update(results=[{**content["results"][0], "protocol": f"p{n}"} for n in range(protocols)])


VALUES: dict[str, Write] = {
    "a metric of text": value("x"),
    "a metric of NaN": value([float("nan")] * 3),
    "a metric of infinity": value([float("inf")] * 3),
    "a metric of 2": value([2, 2, 2]),
    "a metric below 0": value([-0.1] * 3),
    "a metric of 10^400": value([10**400] * 3),
    "a metric of lists": value([[1], [2], [3]]),
    "a metric of nothing": value([]),
    "a metric of null": value(None),
    "a metric of fewer trials": value([0.5]),
    "no metrics": row(values={}),
    "metrics of text": row(values="x"),
    "queries of text": row(queries="x"),
    "queries of NaN": row(queries=float("nan")),
    "a protocol of a number": row(protocol=3),
    "rows of text": changed(lambda content: content.update(results="x")),
    "rows of numbers": changed(lambda content: content.update(results=[1, 2])),
    "rows of null": changed(lambda content: content.update(results=None)),
    "another version": changed(lambda content: content.update(version=99)),
    "a version with control bytes": changed(lambda content: content.update(version="[/x]\x1b[31m")),
    "another format": changed(lambda content: content.update(format="vireid.[/x]\x1b[31m")),
    "a format of a list": changed(lambda content: content.update(format=["vireid.metrics"])),
}
HARMLESS: dict[str, Write] = {
    "no rows": changed(lambda content: content.update(results=[])),
    "a row twice": changed(lambda content: content.update(results=content["results"] * 2)),
    "a thousand rows": changed(doubled(1000)),
    "queries below 0": row(queries=-5),
    "queries of 10^30": row(queries=10**30),
    "a remark of surrogates": row(remark="\ud800"),
    "a protocol of surrogates": row(protocol="\ud800"),
    "a remark of a megabyte": row(remark="x" * 1_000_000),
    "a checkpoint with markup": changed(lambda content: content.update(checkpoint="[/x]\x1b[31m", phase="[/y]")),
    "a hundred thousand trials": changed(
        lambda content: content["results"][0].update(values={name: [0.5] * 100_000 for name in content["results"][0]["values"]})
    ),
}
TEXTS: dict[str, str | bytes] = {
    "nothing": "",
    "a number": "3",
    "nested lists": "[" * 100_000,
    "UTF-16": "{}".encode("utf-16"),
    "no UTF-8": b"\xff\xfe\x00",
    "a long number": '{"format": "vireid.metrics", "version": ' + "1" * 5000 + "}",
    "a pickle": b"\x80\x02cos\nsystem\nX\x0b\x00\x00\x00touch owned\x85R.",
    "YAML": "!!python/object/apply:os.system ['touch owned']",
}


def named(text_: str) -> Write:
    """A run whose folder has this name."""
    return tree("results", lambda root: (root / "a").rename(root / text_))


PLAN: dict[str, Any] = {
    "data": ["../../good/small.yaml"],
    "space": {"class_path": "vireid.search.BNSeparation", "init_args": {"backbone": "resnet10", "width": 8}},
    "searches": {},
    "retrain": [{"model": {"init_args": {"space": None}}, "data": {"init_args": {"root": "../../good/folder"}}}],
    "genotypes": ["all_shared"],
    "random": 0,
    "template": False,
}
REPORT = ("study", "--folder", "out/s", "--report_only", "true")


def study(change: Callable[[dict[str, Any]], object] = lambda plan: None, **files: str) -> Write:
    """The folder of somebody's study."""

    def write(folder: Path, good: Path) -> None:
        plan = json.loads(json.dumps(PLAN))
        change(plan)
        put("out/s/plan.json", json.dumps(plan))(folder, good)

    return both(write, put("planted_code.py", PLANTED), *(put(f"out/s/{name}", content) for name, content in files.items()))


STUDIES: dict[str, Write] = {
    "a foreign space": study(lambda plan: plan.update(space={"class_path": "planted_code.Planted"})),
    "a space that is none": study(
        lambda plan: plan.update(space={"class_path": "vireid.SyntheticDataModule", "init_args": {"root": "owned"}})
    ),
    "a large space": study(lambda plan: plan["space"]["init_args"].update(width=10**7)),
    "a space of text": study(lambda plan: plan.update(space="x")),
    "a foreign class in a recipe": study(
        lambda plan: plan["retrain"].append({"trainer": {"callbacks": [{"class_path": "planted_code.Planted"}]}})
    ),
    "a foreign model in a recipe": study(lambda plan: plan["retrain"].append({"model": {"class_path": "planted_code.Planted"}})),
    "a recipe of an endless device": study(lambda plan: plan["retrain"].append("/dev/zero")),
    "a recipe that is absent": study(lambda plan: plan["retrain"].append("[/x]\x1b[31m.yaml")),
    "a recipe of numbers": study(lambda plan: plan.update(retrain=[1])),
    "a name that leads out": study(lambda plan: plan.update(genotypes=["../../../owned"], reference="../../../owned")),
    "a name with markup": study(lambda plan: plan.update(genotypes=["[/x]\x1b[31m"], reference="[/x]\x1b[31m")),
    "a search whose name leads out": study(lambda plan: plan.update(searches={"../x": []})),
    "random points without end": study(lambda plan: plan.update(random=10**7)),
    "seeds without end": study(lambda plan: plan.update(retrain_seeds=list(range(10**6)))),
    "an unknown key": study(lambda plan: plan.update({"[/x]\x1b[31m": 1})),
    "no key": study(lambda plan: plan.clear()),
    "nested lists": both(study(), put("out/s/plan.json", '{"data": ' + "[" * 100_000)),
    "aliases that grow": both(study(), put("out/s/plan.json", grown(40, "[{}, {}]"))),
    "no UTF-8": both(study(), put("out/s/plan.json", b"\xff\xfe\x00")),
    "Python's objects": both(study(), put("out/s/plan.json", "!!python/object/apply:os.system ['touch owned']")),
}

RESULTS: tuple[Case, ...] = (
    twin(ENTRY, "summarised", tree("results"), SUMMARIZE),
    twin(ENTRY, "compared", tree("results"), COMPARE),
    twin(ENTRY, "for LaTeX", row(remark="50 % & more_of #1 {x} \\ ~^"), LATEX),
    twin(ENTRY, "a remark in brackets", row(remark="[draft] mine"), SUMMARIZE, shows="[draft] mine"),
    twin(ENTRY, "a variant in brackets", row(variant="[/x]"), SUMMARIZE, shows="[/x]"),
    twin(ENTRY, "a folder in brackets", named("[lr=0.1]"), ("summarize", "results/[lr=0.1]"), shows="results/[lr=0.1]"),
    twin(ENTRY, "a study", study(), REPORT),
    *(Case(ENTRY, name, write, SUMMARIZE) for name, write in VALUES.items()),
    *(Case(ENTRY, name, write, SUMMARIZE, EITHER) for name, write in HARMLESS.items()),
    *(Case(ENTRY, f"{name}, compared", write, COMPARE, EITHER) for name, write in HARMLESS.items()),
    *(Case(ENTRY, f"text: {name}", text(content), SUMMARIZE) for name, content in TEXTS.items()),
    *(Case(ENTRY, f"a remark of {name}", row(remark=found), SUMMARIZE, EITHER) for name, found in HOSTILE_NAMES.items()),
    *(Case(ENTRY, f"a protocol of {name}", row(protocol=found), COMPARE, EITHER) for name, found in HOSTILE_NAMES.items()),
    *(Case(ENTRY, f"a variant of {name}", row(variant=found), MARKDOWN, EITHER) for name, found in HOSTILE_NAMES.items()),
    *(
        Case(ENTRY, f"a folder named {name}", named(found.replace("/", "_")), ("summarize", f"results/{found.replace('/', '_')}"), EITHER)
        for name, found in HOSTILE_NAMES.items()
        if name != "option"
    ),
    *(
        Case(
            ENTRY,
            name,
            tree("results", lambda root, change=change: (root / FILE).write_bytes(change((root / FILE).read_bytes()))),
            SUMMARIZE,
            EITHER,
        )
        for name, change in damages(4)
    ),
    *(
        Case(ENTRY, f"{name} instead of a file", tree("results", lambda root, put_=put_: put_(root / FILE)), SUMMARIZE)
        for name, put_ in NO_FILES.items()
    ),
    *(Case(ENTRY, f"study: {name}", write, REPORT) for name, write in STUDIES.items()),
)
