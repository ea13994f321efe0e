"""Datasets, samplers, augmentation and data modules.

Names are imported on first use, so processes that only draw or list images do not load Lightning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.data.augmentation.base import (
        IMAGENET_MEAN as IMAGENET_MEAN,
        IMAGENET_STD as IMAGENET_STD,
        Augmentation as Augmentation,
        Normalise as Normalise,
    )
    from vireid.data.augmentation.channel_augmentation import ChannelAugmentation as ChannelAugmentation
    from vireid.data.augmentation.cm_nas import CMNASAugmentation as CMNASAugmentation
    from vireid.data.augmentation.colour_jitter import FlipJitterAugmentation as FlipJitterAugmentation
    from vireid.data.augmentation.cutout import CutoutAugmentation as CutoutAugmentation
    from vireid.data.augmentation.flip_shift import FlipShiftAugmentation as FlipShiftAugmentation
    from vireid.data.augmentation.geometry import crop_and_flip as crop_and_flip, erase as erase, sample_rectangle as sample_rectangle
    from vireid.data.augmentation.grey_mix import GreyMixAugmentation as GreyMixAugmentation
    from vireid.data.check import CheckReport as CheckReport, check_dataset as check_dataset
    from vireid.data.class_images import ClassImages as ClassImages, ImageSource as ImageSource
    from vireid.data.datasets import (
        LLCM as LLCM,
        MSMT17 as MSMT17,
        SYSU as SYSU,
        DukeMTMC as DukeMTMC,
        Market1501 as Market1501,
        PairedFolder as PairedFolder,
        RegDB as RegDB,
        read_mat as read_mat,
    )
    from vireid.data.image_files import read_image as read_image
    from vireid.data.images import (
        EvaluationBatches as EvaluationBatches,
        ImageBatches as ImageBatches,
        SearchImages as SearchImages,
    )
    from vireid.data.modules import (
        BatchDataModule as BatchDataModule,
        CIFAR100DataModule as CIFAR100DataModule,
        ClassificationDataModule as ClassificationDataModule,
        DukeMTMCDataModule as DukeMTMCDataModule,
        ImageNetDataModule as ImageNetDataModule,
        LLCMDataModule as LLCMDataModule,
        Market1501DataModule as Market1501DataModule,
        MSMT17DataModule as MSMT17DataModule,
        PairedFolderDataModule as PairedFolderDataModule,
        RegDBDataModule as RegDBDataModule,
        ReIDDataModule as ReIDDataModule,
        SyntheticDataModule as SyntheticDataModule,
        SYSUDataModule as SYSUDataModule,
    )
    from vireid.data.samplers.base import ARCHITECTURE as ARCHITECTURE, TRAIN as TRAIN, BatchRows as BatchRows
    from vireid.data.samplers.cross_modality import CrossModalitySampler as CrossModalitySampler, draw_batch as draw_batch
    from vireid.data.samplers.search_sampler import SearchRows as SearchRows, SearchSampler as SearchSampler
    from vireid.data.samplers.uniform_sampler import UniformSampler as UniformSampler
    from vireid.data.samplers.without_replacement import WithoutReplacementSampler as WithoutReplacementSampler
    from vireid.data.split import (
        heldout_count as heldout_count,
        split_few as split_few,
        split_ids as split_ids,
        split_images as split_images,
        split_leaking as split_leaking,
    )

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        ".augmentation.base": ["Augmentation", "IMAGENET_MEAN", "IMAGENET_STD", "Normalise"],
        ".augmentation.channel_augmentation": ["ChannelAugmentation"],
        ".augmentation.cm_nas": ["CMNASAugmentation"],
        ".augmentation.colour_jitter": ["FlipJitterAugmentation"],
        ".augmentation.cutout": ["CutoutAugmentation"],
        ".augmentation.flip_shift": ["FlipShiftAugmentation"],
        ".augmentation.geometry": ["crop_and_flip", "erase", "sample_rectangle"],
        ".augmentation.grey_mix": ["GreyMixAugmentation"],
        ".check": ["CheckReport", "check_dataset"],
        ".class_images": ["ClassImages", "ImageSource"],
        ".datasets": ["DukeMTMC", "LLCM", "MSMT17", "Market1501", "PairedFolder", "RegDB", "SYSU", "read_mat"],
        ".image_files": ["read_image"],
        ".images": ["EvaluationBatches", "ImageBatches", "SearchImages"],
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
        ".samplers.uniform_sampler": ["UniformSampler"],
        ".samplers.without_replacement": ["WithoutReplacementSampler"],
        ".split": ["heldout_count", "split_few", "split_ids", "split_images", "split_leaking"],
    },
)
