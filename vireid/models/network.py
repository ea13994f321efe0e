"""A complete re-identification network: backbone, pooling, neck, classifier."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.models.backbone import Backbone
from vireid.models.output import Branch, NetworkOutput
from vireid.nn import BNNeck, GlobalAveragePooling


class ReIDNetwork(nn.Module):
    """Backbone, pooling, neck and classifier, called with the number of visible rows.

    Args:
        backbone: feature maps of a batch.
        num_classes: identities of the classifier; 0 or ``None`` for none. It is linear, without bias, initial weights N(0, 0.001),
            unless the neck has a method ``build_classifier(num_classes)``.
        pooling: feature map to ``(B, D)``; ``None`` for the mean over pixels.
        neck: features to embeddings; ``None`` for :class:`~vireid.nn.BNNeck`.

    Raises:
        SettingsError: a negative ``num_classes``.

    Example:
        >>> import torch
        >>> from vireid.models import build_resnet
        >>> network = ReIDNetwork(Backbone(build_resnet("resnet10", width=8)), num_classes=5)
        >>> network(torch.zeros(4, 3, 32, 16), 2).logits.shape
        torch.Size([4, 5])

    Reference:
        Fu, Hu, Wu, Shi, Mei, He: CM-NAS, ICCV 2021.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int | None,
        pooling: nn.Module | None = None,
        neck: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if num_classes is not None and num_classes < 0:
            raise SettingsError(f"`num_classes` must be 0 or more, got {num_classes}.")
        self.backbone = backbone
        self.pooling = GlobalAveragePooling() if pooling is None else pooling
        self.neck = BNNeck(backbone.out_channels) if neck is None else neck
        self.classifier = self._build_classifier(num_classes) if num_classes else None

    def _build_classifier(self, num_classes: int) -> nn.Module:
        own = getattr(self.neck, "build_classifier", None)
        if own is not None:
            return own(num_classes)  # type: ignore[no-any-return]  # a neck's method
        classifier = nn.Linear(self.backbone.out_channels, num_classes, bias=False)
        nn.init.normal_(classifier.weight, 0.0, 0.001)
        return classifier

    def forward(self, images: Tensor, n_visible: int) -> NetworkOutput:
        """Features, embeddings and logits of ``(B, 3, H, W)`` images, visible rows first.

        Raises:
            ValueError: ``n_visible`` is not 0..B.
        """
        return self.from_maps(self.maps(images, n_visible))

    def maps(self, images: Tensor, n_visible: int) -> tuple[Tensor, ...]:
        """Feature maps of the trunk, the deepest last."""
        return (self.backbone(images, n_visible),)

    def from_maps(self, maps: Sequence[Tensor]) -> NetworkOutput:
        """The output that follows from :meth:`maps`."""
        features = self.pooling(maps[-1])
        embeddings = self.neck(features)
        logits = None if self.classifier is None else self.classifier(embeddings)
        return NetworkOutput((Branch(features, embeddings, logits, self.backbone.take_reports()),))

    def embed(self, images: Tensor, n_visible: int) -> Tensor:
        """Embeddings ``(B, D)`` alone, not normalised."""
        return self.neck(self.pooling(self.backbone(images, n_visible)))  # type: ignore[no-any-return]

    def named_parts(self) -> dict[str, list[nn.Parameter]]:
        """Parameters of ``trunk``, ``neck`` (with pooling) and ``classifier``, which usually learn at different rates."""
        head = [] if self.classifier is None else list(self.classifier.parameters())
        neck = [*self.pooling.parameters(), *self.neck.parameters()]
        return {"trunk": list(self.backbone.parameters()), "neck": neck, "classifier": head}
