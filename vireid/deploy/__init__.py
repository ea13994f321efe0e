"""From a checkpoint to embeddings of images; networks in a folder that needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.deploy.card import Card as Card, Preparation as Preparation
    from vireid.deploy.embedder import Embedder as Embedder
    from vireid.deploy.gallery.answer import Answer as Answer, Candidate as Candidate
    from vireid.deploy.gallery.any_gallery import AnyGallery as AnyGallery
    from vireid.deploy.gallery.calibration import Calibration as Calibration
    from vireid.deploy.gallery.entries import Entry as Entry, Where as Where
    from vireid.deploy.gallery.gallery import Gallery as Gallery, Probes as Probes
    from vireid.deploy.gallery.opening import open_gallery as open_gallery
    from vireid.deploy.gallery.server_gallery import ServerGallery as ServerGallery
    from vireid.deploy.image_embedder import ImageEmbedder as ImageEmbedder
    from vireid.deploy.onnx_embedder import OnnxEmbedder as OnnxEmbedder
    from vireid.deploy.verification import Verified as Verified, verify as verify

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        ".card": ["Card", "Preparation"],
        ".embedder": ["Embedder"],
        ".gallery.answer": ["Answer", "Candidate"],
        ".gallery.any_gallery": ["AnyGallery"],
        ".gallery.calibration": ["Calibration"],
        ".gallery.entries": ["Entry", "Where"],
        ".gallery.gallery": ["Gallery", "Probes"],
        ".gallery.opening": ["open_gallery"],
        ".gallery.server_gallery": ["ServerGallery"],
        ".image_embedder": ["ImageEmbedder"],
        ".onnx_embedder": ["OnnxEmbedder"],
        ".verification": ["Verified", "verify"],
    },
)
