"""Training steps of the public code of AGW and CM-NAS as plain loops, written from descriptions of that code: what we compare with.

Networks start from the weights of ours. As there, halves of a batch are cut and put together at every separate layer, averages of the
weights are made entry by entry, and losses are read in every step.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vireid.models import ReIDNetwork
from vireid.nn import NonLocal, PerModality, SeparateBatchNorm2d
from vireid.structures import Batch


class Site(nn.Module):
    """Three batch norms of CM-NAS, of which the decision uses one or two."""

    def __init__(self, norm: nn.BatchNorm2d | SeparateBatchNorm2d) -> None:
        super().__init__()
        self.shared = isinstance(norm, nn.BatchNorm2d)
        visible, infrared = (norm.visible, norm.infrared) if isinstance(norm, SeparateBatchNorm2d) else (norm, norm)
        self.visible_bn, self.thermal_bn, self.sharable_bn = (copy.deepcopy(one) for one in (visible, infrared, visible))

    def forward(self, x: Tensor) -> Tensor:
        if self.shared:
            return self.sharable_bn(x)  # type: ignore[no-any-return]
        half = x.shape[0] // 2
        return torch.cat((self.visible_bn(x[:half]), self.thermal_bn(x[half:])), 0)


class Stem(nn.Module):
    """Stem of AGW: convolution, norm, ReLU and pooling of each modality."""

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        conv, norm = trunk.get_submodule("conv1"), trunk.get_submodule("bn1")
        assert isinstance(conv, PerModality)
        assert isinstance(norm, SeparateBatchNorm2d)
        sides = ((conv.visible, norm.visible), (conv.infrared, norm.infrared))
        self.sides = nn.ModuleList(nn.Sequential(*copy.deepcopy(side), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)) for side in sides)

    def forward(self, images: Tensor) -> Tensor:
        half = images.shape[0] // 2
        return torch.cat((self.sides[0](images[:half]), self.sides[1](images[half:])), 0)


class Attention(nn.Module):
    """Non-local block of AGW: the matrix of all pairs of positions."""

    def __init__(self, ours: NonLocal) -> None:
        super().__init__()
        self.theta, self.phi, self.g = (copy.deepcopy(one) for one in (ours.theta, ours.phi, ours.g))
        self.w = nn.Sequential(copy.deepcopy(ours.out), copy.deepcopy(ours.norm))

    def forward(self, x: Tensor) -> Tensor:
        rows, inner = x.shape[0], self.g.out_channels
        g = self.g(x).view(rows, inner, -1).permute(0, 2, 1)
        theta = self.theta(x).view(rows, inner, -1).permute(0, 2, 1)
        pairs = torch.matmul(theta, self.phi(x).view(rows, inner, -1))
        y = torch.matmul(pairs / pairs.size(-1), g).permute(0, 2, 1).contiguous().view(rows, inner, *x.shape[2:])
        out: Tensor = self.w(y) + x
        return out


class PlainNetwork(nn.Module):
    """The network of ``ours`` as the public code builds it. Its trunk is told nothing of modalities: half of a batch is visible.

    Args:
        ours: of CM-NAS or of AGW.
        exponent: of generalised mean pooling; ``None`` for the mean.
    """

    def __init__(self, ours: ReIDNetwork, exponent: float | None = None) -> None:
        super().__init__()
        trunk = copy.deepcopy(ours.backbone.trunk)
        if exponent is not None:
            stem = Stem(trunk)
            trunk.conv1, trunk.bn1, trunk.relu, trunk.maxpool = stem, nn.Identity(), nn.Identity(), nn.Identity()  # type: ignore[assignment]
        for name, layer in [*trunk.named_modules()]:
            if isinstance(layer, NonLocal):
                trunk.set_submodule(name, Attention(layer))
            elif exponent is None and isinstance(layer, (nn.BatchNorm2d, SeparateBatchNorm2d)):
                trunk.set_submodule(name, Site(layer))
        self.trunk, self.exponent = trunk, exponent
        self.bottleneck, self.classifier = copy.deepcopy(ours.neck.norm), copy.deepcopy(ours.classifier)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maps = self.trunk(images)
        if self.exponent is None:
            pooled = F.adaptive_avg_pool2d(maps, 1).flatten(1)
        else:
            pooled = (torch.mean(maps.view(*maps.shape[:2], -1) ** self.exponent, dim=-1) + 1e-12) ** (1 / self.exponent)
        feat = self.bottleneck(pooled)
        return pooled, feat, self.classifier(feat)  # type: ignore[misc]

    def groups(self, rates: list[float]) -> list[dict[str, object]]:
        parts = (self.trunk, self.bottleneck, self.classifier)
        return [{"params": part.parameters(), "lr": rate} for part, rate in zip(parts, rates, strict=True)]  # type: ignore[union-attr]


def distances(first: Tensor, second: Tensor) -> Tensor:
    squares = (
        first.pow(2).sum(1, keepdim=True).expand(len(first), len(second))
        + second.pow(2).sum(1, keepdim=True).expand(len(second), len(first)).t()
    )
    return (squares - 2 * first @ second.t()).clamp(min=1e-12).sqrt()


def hard_triplet(first: Tensor, second: Tensor, labels: Tensor, margin: float = 0.4) -> Tensor:
    found, rows = distances(first, second), len(labels)
    same = labels.expand(rows, rows).eq(labels.expand(rows, rows).t())
    positive = torch.max(found[same].contiguous().view(rows, -1), 1).values
    negative = torch.min(found[~same].contiguous().view(rows, -1), 1).values
    return F.margin_ranking_loss(negative, positive, torch.ones_like(negative), margin=margin)


def similarity_preserving(visible: Tensor, thermal: Tensor) -> Tensor:
    return F.mse_loss(F.normalize(visible @ visible.t(), p=2, dim=1), F.normalize(thermal @ thermal.t(), p=2, dim=1))


def class_mmd(visible: Tensor, thermal: Tensor, images: int) -> Tensor:
    """One identity after the other."""
    pairs = zip(F.normalize(visible).split(images), F.normalize(thermal).split(images), strict=True)
    found = [((v @ v.t()) ** 2).mean() + ((t @ t.t()) ** 2).mean() - 2 * ((v @ t.t()) ** 2).mean() for v, t in pairs]
    return torch.stack(found).mean()


def softmax_weights(scores: Tensor, mask: Tensor) -> Tensor:
    top = torch.max(scores * mask, dim=1, keepdim=True).values
    kept = torch.exp(scores - top) * mask
    return kept / (kept.sum(dim=1, keepdim=True) + 1e-6)


def weighted_triplet(features: Tensor, labels: Tensor) -> Tensor:
    found, rows = distances(features, features), len(labels)
    same = labels.expand(rows, rows).eq(labels.expand(rows, rows).t()).float()
    positive, negative = found * same, found * (1 - same)
    furthest = (positive * softmax_weights(positive, same)).sum(1)
    closest = (negative * softmax_weights(-negative, 1 - same)).sum(1)
    return F.soft_margin_loss(closest - furthest, torch.ones_like(furthest))


class PlainLoop:
    """Steps of a public training script.

    Args:
        ours: network of the same system, whose weights are copied.
        rates: learning rates of trunk, neck and classifier.
    """

    network: PlainNetwork
    optimizer: torch.optim.Optimizer

    def terms(self, batch: Batch) -> Iterator[Tensor]:
        """Weighted losses."""
        raise NotImplementedError

    def step(self, batch: Batch) -> float:
        """One step; the loss."""
        terms = list(self.terms(batch))
        loss = sum(terms[1:], terms[0])
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return sum(float(term.detach()) for term in terms)


class PlainCMNAS(PlainLoop):
    """Four losses, Adam, and the average of all entries of the state."""

    def __init__(self, ours: ReIDNetwork, rates: list[float], decay: float = 0.997) -> None:
        self.network, self.decay = PlainNetwork(ours), decay
        self.optimizer = torch.optim.Adam(self.network.groups(rates), betas=(0.5, 0.999), weight_decay=5e-4)
        self.shadow = {name: value.clone().float() for name, value in self.network.state_dict().items()}

    def terms(self, batch: Batch) -> Iterator[Tensor]:
        pooled, feat, logits = self.network(batch.images)
        (v, t), labels = pooled.chunk(2), batch.labels.chunk(2)[0]
        yield F.cross_entropy(logits, batch.labels)
        yield sum(hard_triplet(a, b, labels) for a, b in ((v, v), (t, t), (v, t), (t, v))) / 4  # type: ignore[misc]
        yield 5.0 * similarity_preserving(*feat.chunk(2))
        yield 0.05 * class_mmd(*feat.chunk(2), batch.images_per_identity)

    def step(self, batch: Batch) -> float:
        loss = super().step(batch)
        for name, value in self.network.state_dict().items():
            self.shadow[name] = self.decay * self.shadow[name] + (1.0 - self.decay) * value
        return loss


class PlainAGW(PlainLoop):
    """Two losses, SGD, and the number of right answers."""

    def __init__(self, ours: ReIDNetwork, rates: list[float]) -> None:
        self.network, self.right = PlainNetwork(ours, 3.0), 0
        self.optimizer = torch.optim.SGD(self.network.groups(rates), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)

    def terms(self, batch: Batch) -> Iterator[Tensor]:
        pooled, _, logits = self.network(batch.images)
        self.right += int((logits.argmax(1) == batch.labels).sum())
        yield F.cross_entropy(logits, batch.labels)
        yield weighted_triplet(pooled, batch.labels)
