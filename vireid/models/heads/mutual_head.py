"""A head with a classifier of each modality beside the shared one."""

from __future__ import annotations

import copy
from typing import Literal

from torch import Tensor, nn

from vireid.models.backbone import Backbone
from vireid.models.heads.base import Head
from vireid.models.network import ReIDNetwork
from vireid.models.output import NetworkOutput
from vireid.nn import ModalityHeads, NormNeck, Pooling
from vireid.nn.necks.modality_heads import HeadStatistics
from vireid.nn.necks.norm_neck import NeckNorm
from vireid.settings.choices import check_choices

HeadsOn = Literal["neck", "pool"]


class MutualLearningNetwork(ReIDNetwork):
    """A network whose output has, in training, ``modality_logits`` ``(B, 2, C)`` among its extras: visible head first.

    Args:
        backbone, num_classes, pooling, neck: see :class:`~vireid.models.ReIDNetwork`.
        heads: from ``(B, D)`` rows to ``(B, 2, C)``; ``None`` for none.
        heads_on: ``"neck"``: heads see the embeddings; ``"pool"``: the features before the neck.

    Raises:
        SettingsError: another ``heads_on``.

    Example::

        network = MutualLearningHead().build(backbone, num_classes=395)  # is one
    """

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int | None,
        pooling: nn.Module | None,
        neck: nn.Module,
        heads: ModalityHeads | None,
        heads_on: HeadsOn,
    ) -> None:
        check_choices({"heads_on": HeadsOn}, {"heads_on": heads_on})
        super().__init__(backbone, num_classes, pooling, neck)
        self.modality_heads, self.heads_on = heads, heads_on

    def forward(self, images: Tensor, n_visible: int) -> NetworkOutput:
        output = super().forward(images, n_visible)
        if self.modality_heads is None or not self.training:
            return output
        rows = output.embeddings if self.heads_on == "neck" else output.features
        return output.with_extras({"modality_logits": self.modality_heads(rows, n_visible)})

    def named_parts(self) -> dict[str, list[nn.Parameter]]:
        """As :meth:`ReIDNetwork.named_parts`, and ``modality_heads``."""
        heads = [] if self.modality_heads is None else list(self.modality_heads.parameters())
        return {**super().named_parts(), "modality_heads": heads}


class MutualLearningHead(Head):
    """Pooling, neck, shared classifier, and a classifier of each modality that the losses
    :class:`~vireid.losses.ModalityCrossEntropy` and :class:`~vireid.losses.MutualKL` train; retrieval does not use these. Without
    either loss they are not trained, which stops a training on several GPUs.

    The learning rate of the two is ``lr_factors: {modality_heads: 10}`` (of the optimiser) times the base rate in the public code.

    Args:
        hidden: width of the modality classifiers between their two linear layers.
        heads_on: they see the embeddings (``neck``, as the public code) or the pooled features (``pool``, as its figure).
        head_bn: statistics of their batch norms, see :class:`~vireid.nn.ModalityHeads`.
        neck_norm: ``bn``, ``gn`` or ``none``, see :class:`~vireid.nn.NormNeck`.
        neck_bias: whether the neck's bias learns, as in the public code.
        classifier_bias: whether the shared classifier has a bias (then it starts Kaiming normal), as in the public code.
        pooling: of the feature map; null for the mean over pixels.

    Raises:
        SettingsError: another ``heads_on``; at ``build`` also other arguments out of range.

    Reference:
        Public code "Cross-Modality Infrared-Visible Re-ID", made from reid-strong-baseline (Luo et al., CVPR Workshops 2019).
    """

    def __init__(
        self,
        hidden: int = 512,
        heads_on: HeadsOn = "neck",
        head_bn: HeadStatistics = "mixed",
        neck_norm: NeckNorm = "bn",
        neck_bias: bool = False,
        classifier_bias: bool = False,
        pooling: Pooling | None = None,
    ) -> None:
        self.hidden = hidden
        self.heads_on = heads_on
        self.head_bn = head_bn
        self.neck_norm = neck_norm
        self.neck_bias = neck_bias
        self.classifier_bias = classifier_bias
        self.pooling = pooling

    def build(self, backbone: Backbone, num_classes: int | None) -> MutualLearningNetwork:
        width = backbone.out_channels
        neck = NormNeck(width, self.neck_norm, self.neck_bias, self.classifier_bias)
        heads = ModalityHeads(width, num_classes, self.hidden, self.head_bn) if num_classes else None
        return MutualLearningNetwork(backbone, num_classes, copy.deepcopy(self.pooling), neck, heads, self.heads_on)
