"""Any convolutional network of timm, up to its pooling."""

from __future__ import annotations

from collections import OrderedDict
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from vireid.errors import SettingsError
from vireid.models.published.loading import read_state
from vireid.models.trunks.base import IMAGE_SIZE, Trunk, checked_size
from vireid.models.trunks.pretrained import load_state, trunk_entries, unknown_weights

OURS = {"pretrained": False, "num_classes": 0, "global_pool": ""}
"""Arguments of timm that make a network a trunk."""

ACTS = {"cache_dir", "checkpoint_path", "features_only", "pretrained_cfg", "pretrained_cfg_overlay", "pretrained_strict", "scriptable"}
"""Arguments that make timm read files, fetch weights or give another kind of network."""


class Timm(Trunk):
    """A network of timm without pooling and classifier; needs the extra ``timm``.

    Modules keep timm's names, with one exception. Where timm puts an activation into its normalisation (``BatchNormAct2d``), that layer is
    split into ``norm``, ``drop`` and ``act`` after weights are loaded. They give the same values bit for bit. So ``bn1`` becomes
    ``bn1.norm``; a file of weights may have either name.

    Args:
        name: timm's, without tag, such as ``resnet50d`` or ``efficientnet_b0``; see ``timm.list_models``.
        arguments: of the network, such as ``{drop_path_rate: 0.1}``, see ``timm.create_model``; plain values. Default none.
        image_size: height and width in pixels of the two images that sites are found with. Networks that take one size alone need it.

    Raises:
        SettingsError: timm is not installed, it has no such network, or arguments that are not the user's to give.
    """

    def __init__(
        self,
        name: str,
        arguments: dict | None = None,  # type: ignore[type-arg]  # a parser builds what is in a dict[str, Any]
        image_size: tuple[int, int] = IMAGE_SIZE,
    ) -> None:
        timm = _timm()
        if name not in (known := timm.list_models()):
            close = get_close_matches(name.partition(".")[0], known, n=3, cutoff=0.5)
            hint = f"; close names: {', '.join(close)}" if close else ""
            raise SettingsError(f"timm has no network {name!r}{hint}. (A tag, as in 'resnet50.a1_in1k', is given as `weights`.)")
        if taken := sorted(set(arguments or {}) & {*OURS, *ACTS}):
            raise SettingsError(f"`arguments` may not set {', '.join(taken)}: a trunk has its own; weights are given as `weights`.")
        self.name = name
        self.arguments = dict(arguments or {})
        self.image_size = checked_size(image_size)
        found = timm.get_pretrained_cfg(name)
        self.own_weights = found.tag if found is not None and found.has_weights else None

    def build(self, weights: str | None = None) -> nn.Module:
        """The network, with timm's initialisation or weights.

        Args:
            weights: timm's tag, such as ``a1_in1k``, or a file of the network's weights; what its classifier has is left out.

        Raises:
            SettingsError: no such weights, they cannot be fetched or do not fit, or ``arguments`` that timm refuses.
        """
        timm, name = _timm(), self.name
        from_file = weights is not None and Path(weights).is_file()
        fetched = weights is not None and not from_file
        if fetched:
            tags = [full.partition(".")[2] for full in timm.models.get_arch_pretrained_cfgs(name)]
            if weights not in tags:
                raise unknown_weights(name, str(weights), tags)
            name = f"{name}.{weights}"
        try:
            network: nn.Module = timm.create_model(name, **{**OURS, "pretrained": fetched}, **self.arguments)
        except Exception as error:  # whatever the constructor, or the download, stumbles over
            raise SettingsError(self._failed(weights if fetched else None, error)) from error
        if from_file:
            self._load(network, str(weights))
        return split_activations(network)

    def _load(self, network: nn.Module, path: str) -> None:
        split = [name for name, module in network.named_modules() if type(module) is _timm().layers.BatchNormAct2d]
        theirs = {f"{name}.norm": name for name in split}
        renamed = {}
        for name, value in trunk_entries(_state(path)).items():
            module, dot, entry = name.rpartition(".")
            renamed[theirs.get(module, module) + dot + entry] = value
        classifier = getattr(network, "pretrained_cfg", {}).get("classifier") or ()
        load_state(network, renamed, path, self.name, (classifier,) if isinstance(classifier, str) else classifier).log(path)

    def _failed(self, tag: str | None, error: Exception) -> str:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        if tag is None:
            return f"timm cannot build {self.name} with `arguments` {self.arguments}: {said}"
        return (
            f"The weights {tag} of timm's {self.name} cannot be fetched or loaded ({said}). Give a file of them as `weights`, "
            "or set `weights: null` to start from random weights."
        )


def split_activations(network: nn.Module) -> nn.Module:
    """Every ``BatchNormAct2d`` as ``BatchNorm2d``, drop and activation, with the same parameters and statistics."""
    kind = _timm().layers.BatchNormAct2d
    for name, module in list(network.named_modules()):
        if type(module) is kind:
            layers = OrderedDict(norm=_plain(module), drop=module.drop, act=module.act)
            network.set_submodule(name, nn.Sequential(layers).train(module.training))
    return network


def _plain(layer: Any) -> nn.BatchNorm2d:
    plain = nn.BatchNorm2d(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats, device="meta")
    plain._parameters.update(layer._parameters)
    plain._buffers.update(layer._buffers)
    return plain.train(layer.training)


def _state(path: str) -> Any:
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file  # timm needs it too

        return load_file(path)
    return read_state(path)


def _timm() -> ModuleType:
    try:
        import timm
    except ImportError:
        raise SettingsError("vireid.models.Timm needs timm: pip install 'vireid[timm]'.") from None
    return timm
