"""Class paths that checkpoints, genotypes and YAML files carry stay what they are, wherever a class is defined."""

import pytest

from vireid.settings import class_path, import_class

NAMES = {
    "vireid": (
        "CIFAR100DataModule ClassificationModule DukeMTMCDataModule ImageNetDataModule LLCMDataModule MSMT17DataModule "
        "Market1501DataModule PairedFolderDataModule RegDBDataModule RetrainModule SYSUDataModule SearchModule "
        "SyntheticDataModule"
    ),
    "vireid.data": (
        "Augmentation BatchDataModule CMNASAugmentation ChannelAugmentation ClassificationDataModule CutoutAugmentation "
        "FlipJitterAugmentation FlipShiftAugmentation Normalise ReIDDataModule"
    ),
    "vireid.losses": (
        "AttentionAlignment BatchHardTriplet ClassMMD CrossCorrelation CrossEntropy EnhancedSquaredDifference "
        "FourWayHardTriplet HeteroCentreTriplet InfraredDistillation LocalAlignment LossSum ModalityCrossEntropy "
        "MutualKL PartCrossEntropy SimilarityPreserving ViewConsistency WeightedRegularizedTriplet"
    ),
    "vireid.models": (
        "BNNeckHead BalanceHead ChannelGraphs ConvolutionBias FineGrainedHead FullyConnectedHead GlobalLocalGraphs Head "
        "LinearStem MixtureAttention MutualLearningHead NonLocalBlocks PositionGraphs StandardHead StripeHead TrunkPart "
        "TwoStreams"
    ),
    "vireid.nn": ("GeMPooling GlobalAveragePooling Pooling"),
    "vireid.results": ("Reranking"),
    "vireid.search": (
        "Argmax BNSeparation ChildScore CombinedDepth Derivation DirichletSample Evolution GumbelHard GumbelSoft INPlacement "
        "JointNorm LossScore MainEffects OSNetAIN Perturbation RandomOneHot RandomSearch RectifiedGumbel Relaxation RetrievalScore "
        "SampledTop "
        "ScoringDerivation SearchSpace ShortTraining Sigmoid Softmax SupernetNorms TopK"
    ),
    "vireid.tasks": (
        "Accuracy Adam AdamW Constant EMA Exponential FrozenBase LinearWarmup OptimizerSettings ReIDModule Recalibration "
        "Entropy ExpectedCost Fixed Geometric GradientStrategy Linear OneLevel Penalty RandomPaths Retrieval SGD Schedule Stepped "
        "StopWhenStable Strategy Temperature TwoLevels Unrolled WarmupCosine WarmupMultiStep"
    ),
}
PATHS = [f"{room}.{name}" for room, names in NAMES.items() for name in names.split()]


@pytest.mark.parametrize("path", PATHS)
def test_a_file_of_before_names_a_class_that_is_still_there(path: str) -> None:
    assert import_class(path).__name__ == path.rpartition(".")[2]


@pytest.mark.parametrize("path", PATHS)
def test_a_class_is_written_by_its_shortest_public_path(path: str) -> None:
    assert class_path(import_class(path)) == path


def test_the_old_path_of_reranking_is_read() -> None:
    assert import_class("vireid.tasks.Reranking") is import_class("vireid.results.Reranking")
