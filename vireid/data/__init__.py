"""Datasets, samplers, augmentation and data modules.

Names are imported on first use, so that processes that only draw or list images need not load Lightning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.data.augmentation.base import (
        IMAGENET_MEAN,
        IMAGENET_STD,
        Augmentation,
        CMNASAugmentation,
        FlipShiftAugmentation,
        Normalise,
    )
    from vireid.data.augmentation.channel_augmentation import ChannelAugmentation
    from vireid.data.augmentation.colour_jitter import FlipJitterAugmentation
    from vireid.data.augmentation.cutout import CutoutAugmentation
    from vireid.data.augmentation.geometry import crop_and_flip, erase, sample_rectangle
    from vireid.data.check import CheckReport, check_dataset
    from vireid.data.class_images import ClassImages, ImageSource
    from vireid.data.datasets import LLCM, MSMT17, SYSU, DukeMTMC, Market1501, PairedFolder, RegDB, read_mat
    from vireid.data.images import EvaluationBatches, ImageBatches, SearchImages, read_image
    from vireid.data.modules import (
        BatchDataModule,
        CIFAR100DataModule,
        ClassificationDataModule,
        DukeMTMCDataModule,
        ImageNetDataModule,
        LLCMDataModule,
        Market1501DataModule,
        MSMT17DataModule,
        PairedFolderDataModule,
        RegDBDataModule,
        ReIDDataModule,
        SyntheticDataModule,
        SYSUDataModule,
    )
    from vireid.data.samplers.base import ARCHITECTURE, TRAIN, BatchRows
    from vireid.data.samplers.cross_modality import CrossModalitySampler, draw_batch
    from vireid.data.samplers.search_sampler import SearchRows, SearchSampler
    from vireid.data.samplers.uniform_sampler import UniformSampler
    from vireid.data.samplers.without_replacement import WithoutReplacementSampler
    from vireid.data.split import heldout_count, split_few, split_ids, split_images, split_leaking

__all__ = [
    "ARCHITECTURE",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "LLCM",
    "MSMT17",
    "SYSU",
    "TRAIN",
    "Augmentation",
    "BatchDataModule",
    "BatchRows",
    "CIFAR100DataModule",
    "CMNASAugmentation",
    "ChannelAugmentation",
    "CheckReport",
    "ClassImages",
    "ClassificationDataModule",
    "CrossModalitySampler",
    "CutoutAugmentation",
    "DukeMTMC",
    "DukeMTMCDataModule",
    "EvaluationBatches",
    "FlipJitterAugmentation",
    "FlipShiftAugmentation",
    "ImageBatches",
    "ImageNetDataModule",
    "ImageSource",
    "LLCMDataModule",
    "MSMT17DataModule",
    "Market1501",
    "Market1501DataModule",
    "Normalise",
    "PairedFolder",
    "PairedFolderDataModule",
    "ReIDDataModule",
    "RegDB",
    "RegDBDataModule",
    "SYSUDataModule",
    "SearchImages",
    "SearchRows",
    "SearchSampler",
    "SyntheticDataModule",
    "UniformSampler",
    "WithoutReplacementSampler",
    "check_dataset",
    "crop_and_flip",
    "draw_batch",
    "erase",
    "heldout_count",
    "read_image",
    "read_mat",
    "sample_rectangle",
    "split_few",
    "split_ids",
    "split_images",
    "split_leaking",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        ".augmentation.channel_augmentation": ["ChannelAugmentation"],
        ".check": ["CheckReport", "check_dataset"],
        ".class_images": ["ClassImages", "ImageSource"],
        ".augmentation.colour_jitter": ["FlipJitterAugmentation"],
        ".augmentation.cutout": ["CutoutAugmentation"],
        ".datasets": ["DukeMTMC", "LLCM", "MSMT17", "Market1501", "PairedFolder", "RegDB", "SYSU", "read_mat"],
        ".augmentation.geometry": ["crop_and_flip", "erase", "sample_rectangle"],
        ".images": ["EvaluationBatches", "ImageBatches", "SearchImages", "read_image"],
        ".modules": [
            "BatchDataModule",
            "CIFAR100DataModule",
            "ClassificationDataModule",
            "DukeMTMCDataModule",
            "ImageNetDataModule",
            "LLCMDataModule",
            "MSMT17DataModule",
            "Market1501DataModule",
            "PairedFolderDataModule",
            "ReIDDataModule",
            "RegDBDataModule",
            "SYSUDataModule",
            "SyntheticDataModule",
        ],
        ".samplers.base": ["ARCHITECTURE", "BatchRows", "TRAIN"],
        ".samplers.cross_modality": ["CrossModalitySampler", "draw_batch"],
        ".samplers.search_sampler": ["SearchRows", "SearchSampler"],
        ".split": ["heldout_count", "split_few", "split_ids", "split_images", "split_leaking"],
        ".augmentation.base": ["Augmentation", "CMNASAugmentation", "FlipShiftAugmentation", "IMAGENET_MEAN", "IMAGENET_STD", "Normalise"],
        ".samplers.uniform_sampler": ["UniformSampler"],
        ".samplers.without_replacement": ["WithoutReplacementSampler"],
    },
)
