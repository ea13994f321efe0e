"""Loss modules: the contract all of them keep, and their sum."""

import dataclasses

import pytest
import torch

from vireid import losses
from vireid.errors import SettingsError
from vireid.losses import (
    AttentionAlignment,
    BatchHardTriplet,
    ClassMMD,
    CrossCorrelation,
    CrossEntropy,
    EnhancedSquaredDifference,
    FourWayHardTriplet,
    HeteroCentreTriplet,
    InfraredDistillation,
    LocalAlignment,
    Loss,
    LossSum,
    ModalityCrossEntropy,
    MutualKL,
    PartCrossEntropy,
    SimilarityPreserving,
    SmoothAveragePrecision,
    ViewConsistency,
    WeightedRegularizedTriplet,
    functional,
)
from vireid.losses.inputs import LossInputs
from vireid.settings import instantiate


class LossContract:
    """Inherit, set ``cls``, ``name``, ``weight`` and ``reads``, and every check below runs."""

    cls: type[Loss]
    name: str
    weight: float
    reads: str
    needs_classes = False

    def test_defaults(self):
        loss = self.cls()
        assert (loss.name, loss.weight, loss.needs_classes) == (self.name, self.weight, self.needs_classes)
        assert list(loss.parameters()) == []
        assert f"weight={self.weight}" in repr(loss)

    def test_value_is_unweighted(self, inputs):
        assert self.cls(weight=3.0)(inputs) == self.cls(weight=0.0)(inputs)

    def test_scalar_that_reads_only_its_level(self, inputs):
        leaves = {level: getattr(inputs, level).clone().requires_grad_() for level in ("features", "embeddings", "logits")}
        extras = {name: value.clone().requires_grad_() for name, value in (inputs.extras or {}).items()}
        loss = self.cls()(dataclasses.replace(inputs, **leaves, extras=extras))
        assert loss.ndim == 0
        assert loss > 0
        loss.backward()
        read = {name for name, leaf in {**leaves, **extras}.items() if leaf.grad is not None and leaf.grad.abs().max() > 0}
        assert read == {self.reads}

    def test_on_chooses_the_level(self, inputs):
        if self.reads not in ("features", "embeddings"):
            pytest.skip(f"reads {self.reads} only")
        other = "embeddings" if self.reads == "features" else "features"
        swapped = dataclasses.replace(inputs, features=inputs.embeddings, embeddings=inputs.features)
        assert self.cls(on=other)(inputs) == self.cls()(swapped)
        with pytest.raises(ValueError, match="`on` must be"):
            self.cls(on="logits")

    def test_settings_rebuild_it(self, inputs):
        loss = self.cls(weight=2.5, name="other")
        again = instantiate(loss.settings())
        assert type(again) is self.cls
        assert loss.settings()["class_path"] == f"vireid.losses.{self.cls.__name__}"
        assert (again.weight, again.name) == (2.5, "other")
        assert again(inputs) == loss(inputs)

    def test_state_dict_is_empty(self):
        assert self.cls().state_dict() == {}

    @pytest.mark.parametrize("weight", [-0.1, float("nan"), float("inf")])
    def test_bad_weight(self, weight):
        with pytest.raises(ValueError, match="`weight` must be a finite number of at least 0"):
            self.cls(weight=weight)

    def test_empty_name(self):
        with pytest.raises(ValueError, match="`name` must not be empty"):
            self.cls(name="")


class TestCrossEntropy(LossContract):
    cls, name, weight, reads, needs_classes = CrossEntropy, "ce", 1.0, "logits", True

    def test_smoothing_equals_its_definition(self, inputs):
        target = 0.7 * torch.nn.functional.one_hot(inputs.labels, 4) + 0.3 / 4
        expected = -(target * inputs.logits.log_softmax(1)).sum(1).mean()
        torch.testing.assert_close(CrossEntropy(label_smoothing=0.3)(inputs), expected)

    @pytest.mark.parametrize("smoothing", [-0.1, 1.0])
    def test_bad_smoothing(self, smoothing):
        with pytest.raises(ValueError, match="`label_smoothing` must be at least 0 and below 1"):
            CrossEntropy(label_smoothing=smoothing)

    def test_no_classes(self, inputs):
        with pytest.raises(ValueError, match="needs `logits`"):
            CrossEntropy()(dataclasses.replace(inputs, logits=None))

    def test_float32_under_autocast(self, inputs):
        half = dataclasses.replace(inputs, logits=inputs.logits.bfloat16())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert CrossEntropy()(half).dtype == torch.float32


class TestFourWayHardTriplet(LossContract):
    cls, name, weight, reads = FourWayHardTriplet, "triplet", 1.0, "features"

    def test_arguments_arrive(self, inputs):
        v, t = inputs.features[:6], inputs.features[6:]
        expected = functional.four_way_hard_triplet(v, t, inputs.labels[:6], margin=0.7, normalise=True)
        assert FourWayHardTriplet(margin=0.7, normalise=True)(inputs) == expected
        assert FourWayHardTriplet(margin=0.7)(inputs) != expected

    def test_halves_of_different_size(self, inputs):
        v, t = inputs.features[:4], inputs.features[4:]
        expected = functional.four_way_hard_triplet(v, t, inputs.labels[:4], infrared_labels=inputs.labels[4:])
        assert FourWayHardTriplet()(dataclasses.replace(inputs, n_visible=4)) == expected

    def test_one_modality(self, inputs):
        with pytest.raises(ValueError, match=r"`FourWayHardTriplet` compares visible with infrared rows"):
            FourWayHardTriplet()(dataclasses.replace(inputs, n_visible=12))

    def test_bad_margin(self):
        with pytest.raises(ValueError, match="`margin` must be a finite number"):
            FourWayHardTriplet(margin=float("inf"))


class TestSimilarityPreserving(LossContract):
    cls, name, weight, reads = SimilarityPreserving, "sp", 5.0, "embeddings"


class TestClassMMD(LossContract):
    cls, name, weight, reads = ClassMMD, "cmmd", 0.05, "embeddings"

    def test_k_comes_from_the_batch(self, inputs):
        assert ClassMMD()(dataclasses.replace(inputs, k=3)) != ClassMMD()(inputs)


class TestBatchHardTriplet(LossContract):
    cls, name, weight, reads = BatchHardTriplet, "batch_hard", 1.0, "features"

    def test_margin(self, inputs):
        assert BatchHardTriplet(margin=2.0)(inputs) == functional.batch_hard_triplet(inputs.features, inputs.labels, margin=2.0)
        with pytest.raises(ValueError, match="`margin` must be a finite number"):
            BatchHardTriplet(margin=float("nan"))

    def test_normalise(self, inputs):
        scaled = dataclasses.replace(inputs, features=torch.arange(1.0, 13.0)[:, None] * inputs.features)
        torch.testing.assert_close(BatchHardTriplet(normalise=True)(scaled), BatchHardTriplet(normalise=True)(inputs))
        assert BatchHardTriplet()(scaled) != BatchHardTriplet()(inputs)


class TestWeightedRegularizedTriplet(LossContract):
    cls, name, weight, reads = WeightedRegularizedTriplet, "wrt", 1.0, "features"

    def test_stabilise(self, inputs):
        far = dataclasses.replace(inputs, features=20 * inputs.features)
        assert WeightedRegularizedTriplet(stabilise="corrected")(far) < WeightedRegularizedTriplet()(far)
        with pytest.raises(ValueError, match="`stabilise` must be"):
            WeightedRegularizedTriplet(stabilise="no")


class TestModalityCrossEntropy(LossContract):
    cls, name, weight, reads, needs_classes = ModalityCrossEntropy, "modality_ce", 1.0, "modality_logits", True

    def test_arguments_arrive(self, inputs):
        logits = inputs.extras["modality_logits"]
        expected = functional.modality_cross_entropy(logits, inputs.labels, 6, 0.2)
        assert ModalityCrossEntropy(label_smoothing=0.2)(inputs) == expected
        assert ModalityCrossEntropy()(inputs) != expected

    @pytest.mark.parametrize("smoothing", [-0.1, 1.0])
    def test_bad_smoothing(self, smoothing):
        with pytest.raises(ValueError, match="`label_smoothing` must be at least 0 and below 1"):
            ModalityCrossEntropy(label_smoothing=smoothing)

    def test_a_network_without_such_classifiers(self, inputs):
        for loss in (ModalityCrossEntropy(), MutualKL()):
            with pytest.raises(SettingsError, match=r"needs `modality_logits`.*Set `model.init_args.head` to .*MutualLearningHead"):
                loss(dataclasses.replace(inputs, extras=None))


class TestMutualKL(LossContract):
    cls, name, weight, reads, needs_classes = MutualKL, "mutual_kl", 1.0, "modality_logits", True

    def test_arguments_arrive(self, inputs):
        logits = inputs.extras["modality_logits"]
        assert MutualKL(reduction="mean", temperature=2.0)(inputs) == functional.mutual_kl(logits, 6, "mean", temperature=2.0)
        leaf = logits.clone().requires_grad_()
        MutualKL(detach_target=False)(dataclasses.replace(inputs, extras={"modality_logits": leaf})).backward()
        assert leaf.grad[:6, 1].abs().min() > 0

    def test_bad_arguments(self):
        with pytest.raises(ValueError, match="`reduction` must be batchmean or mean, got 'sum'"):
            MutualKL(reduction="sum")
        with pytest.raises(ValueError, match="`temperature` must be a finite number above 0"):
            MutualKL(temperature=0.0)


class TestEnhancedSquaredDifference(LossContract):
    cls, name, weight, reads = EnhancedSquaredDifference, "esd", 1.0, "features"

    def test_arguments_arrive(self, inputs):
        far = dataclasses.replace(inputs, features=20 * inputs.features)
        loss = EnhancedSquaredDifference(alpha=0.5, gamma=2.0, square=False, stabilise="corrected")
        assert loss(far) == functional.enhanced_squared_difference(far.features, far.labels, 0.5, 2.0, False, "corrected")
        with pytest.raises(ValueError, match="`stabilise` must be"):
            EnhancedSquaredDifference(stabilise="no")
        with pytest.raises(ValueError, match="`alpha` must be a finite number of at least 0, got -1"):
            EnhancedSquaredDifference(alpha=-1.0)


class TestInfraredDistillation(LossContract):
    cls, name, weight, reads, needs_classes = InfraredDistillation, "infrared_kl", 1.0, "logits", True

    def test_infrared_teaches_the_first_view(self, inputs):
        views = dataclasses.replace(inputs, visible_views=2, labels=torch.tensor([0, 1, 2] * 4), k=1, extras=None)
        views = dataclasses.replace(views, **{name: getattr(views, name)[:9] for name in ("features", "embeddings", "logits", "labels")})
        expected = functional.softened_kl(inputs.logits[:3], inputs.logits[6:9], temperature=2.0)
        assert InfraredDistillation(temperature=2.0)(views) == expected
        with pytest.raises(ValueError, match="`temperature` must be a finite number above 0"):
            InfraredDistillation(temperature=0.0)

    def test_no_classes(self, inputs):
        with pytest.raises(ValueError, match="InfraredDistillation needs `logits`"):
            InfraredDistillation()(dataclasses.replace(inputs, logits=None))


class TestViewConsistency(LossContract):
    cls, name, weight, reads, needs_classes = ViewConsistency, "consistency", 1.0, "logits", True

    @pytest.fixture
    def inputs(self, inputs):
        return dataclasses.replace(inputs, visible_views=2)

    def test_the_second_view_teaches_the_first(self, inputs):
        assert ViewConsistency()(inputs) == functional.prediction_consistency(inputs.logits[:3], inputs.logits[3:6])

    def test_one_view(self, inputs):
        with pytest.raises(SettingsError, match=r"needs 2 views.*vireid\.data\.ChannelAugmentation"):
            ViewConsistency()(dataclasses.replace(inputs, visible_views=1))


class TestAttentionAlignment(LossContract):
    cls, name, weight, reads = AttentionAlignment, "attention", 10.0, "channel_attention"

    def test_arguments_arrive(self, inputs):
        maps = inputs.extras["channel_attention"]
        assert AttentionAlignment()(inputs) == (maps[:6] - maps[6:]).abs().mean()
        other = dataclasses.replace(inputs, extras={"position_attention": maps})
        assert AttentionAlignment(attention="position_attention")(other) == AttentionAlignment()(inputs)
        with pytest.raises(SettingsError, match=r"needs `channel_attention`.*trunk_parts` to vireid.models.ChannelGraphs"):
            AttentionAlignment()(other)

    def test_rows_that_are_no_pairs(self, inputs):
        with pytest.raises(SettingsError, match="pairs visible with infrared rows of the same identity, but the batch has 4 and 8"):
            AttentionAlignment()(dataclasses.replace(inputs, n_visible=4))


class TestHeteroCentreTriplet(LossContract):
    cls, name, weight, reads = HeteroCentreTriplet, "hetero_centre", 1.0, "features"

    def test_arguments_arrive(self, inputs):
        v, t, labels = inputs.features[:6], inputs.features[6:], inputs.labels[:6]
        assert HeteroCentreTriplet(margin=2.0)(inputs) == functional.hetero_centre_triplet(v, t, labels, 2, margin=2.0)
        assert HeteroCentreTriplet()(dataclasses.replace(inputs, k=1)) == functional.batch_hard_triplet(inputs.features, inputs.labels)

    def test_parts(self, inputs):
        parts = inputs.extras["parts"]

        def alone(rows):
            return HeteroCentreTriplet()(dataclasses.replace(inputs, features=rows))

        expected = alone(torch.cat((parts[:, 0], parts[:, 1]), 1)) + 3 * (alone(parts[:, 0]) + alone(parts[:, 1]))
        torch.testing.assert_close(HeteroCentreTriplet(parts="parts", part_weight=3.0)(inputs), expected)
        with pytest.raises(SettingsError, match=r"needs `relations`.*head` to vireid.models.StripeHead"):
            HeteroCentreTriplet(parts="relations")(inputs)

    def test_bad_arguments(self):
        with pytest.raises(ValueError, match="`margin` must be a finite number"):
            HeteroCentreTriplet(margin=float("nan"))
        with pytest.raises(ValueError, match="`part_weight` must be a finite number of at least 0, got -1"):
            HeteroCentreTriplet(part_weight=-1.0)


class TestCrossCorrelation(LossContract):
    cls, name, weight, reads = CrossCorrelation, "cross_correlation", 1.0, "features"

    def test_arguments_arrive(self, inputs):
        v, t = inputs.features[:6], inputs.features[6:]
        expected = functional.cross_correlation(v, t, 0.5, 3.0, standardise=True)
        assert CrossCorrelation(off_diagonal=0.5, divisor=3.0, standardise=True)(inputs) == expected

    @pytest.mark.parametrize("arguments", [{"off_diagonal": -1.0}, {"divisor": 0.0}])
    def test_bad_arguments(self, arguments):
        with pytest.raises(ValueError, match="`off_diagonal` must be at least 0 and `divisor` above 0"):
            CrossCorrelation(**arguments)


class TestLocalAlignment(LossContract):
    cls, name, weight, reads = LocalAlignment, "local_alignment", 1.0, "strips"

    def test_arguments_arrive(self, inputs):
        strips = inputs.extras["strips"]
        expected = functional.local_alignment(strips, inputs.embeddings, inputs.labels, margin=2.0)
        assert LocalAlignment(margin=2.0, on="embeddings")(inputs) == expected
        with pytest.raises(ValueError, match="`margin` must be a finite number"):
            LocalAlignment(margin=float("inf"))
        with pytest.raises(ValueError, match="`on` must be"):
            LocalAlignment(on="logits")
        with pytest.raises(SettingsError, match=r"needs `strips`.*head` to vireid.models.StripeHead"):
            LocalAlignment()(dataclasses.replace(inputs, extras=None))


class TestPartCrossEntropy(LossContract):
    cls, name, weight, reads, needs_classes = PartCrossEntropy, "part_ce", 1.0, "part_logits", True

    @pytest.mark.parametrize("smoothing", [0.0, 0.2])
    def test_sum_over_parts(self, inputs, smoothing):
        parts = inputs.extras["part_logits"].unbind(1)
        each = [CrossEntropy(label_smoothing=smoothing)(dataclasses.replace(inputs, logits=part)) for part in parts]
        torch.testing.assert_close(PartCrossEntropy(label_smoothing=smoothing)(inputs), each[0] + each[1])

    def test_bad_arguments(self, inputs):
        with pytest.raises(ValueError, match="`label_smoothing` must be at least 0 and below 1"):
            PartCrossEntropy(label_smoothing=1.0)
        with pytest.raises(SettingsError, match=r"needs `part_logits`.*head` to vireid.models.StripeHead"):
            PartCrossEntropy()(dataclasses.replace(inputs, extras=None))


class TestSmoothAveragePrecision(LossContract):
    cls, name, weight, reads = SmoothAveragePrecision, "smooth_ap", 1.0, "features"

    def test_the_mean_of_both_directions(self, inputs):
        v, t = inputs.features[:4], inputs.features[4:]  # unequal numbers, and rows of two people in both
        labels = inputs.labels[:4], inputs.labels[4:]
        both = [functional.smooth_average_precision(*pair, 0.3) for pair in ((t, v, *labels[::-1]), (v, t, *labels))]
        assert both[0] != both[1]
        assert SmoothAveragePrecision(temperature=0.3)(dataclasses.replace(inputs, n_visible=4)) == (both[0] + both[1]) / 2

    def test_within_a_modality(self, inputs):
        one, other = (
            functional.smooth_average_precision(x, x, y, y, leave_one_out=True)
            for x, y in ((inputs.features[:6], inputs.labels[:6]), (inputs.features[6:], inputs.labels[6:]))
        )
        within = SmoothAveragePrecision(within=True)
        assert within(inputs) == (one + other) / 2
        assert within(inputs.visible) == one
        assert within(inputs.infrared) == other

    @pytest.mark.parametrize(("n_visible", "kind"), [(12, "visible"), (0, "infrared")])
    def test_one_modality(self, inputs, n_visible, kind):
        match = f"`SmoothAveragePrecision` compares .* all 12 rows of this batch are {kind}.*set `within: true`, or set"
        with pytest.raises(SettingsError, match=match):
            SmoothAveragePrecision()(dataclasses.replace(inputs, n_visible=n_visible))

    def test_bad_temperature(self):
        with pytest.raises(ValueError, match="`temperature` must be a finite number above 0, got 0"):
            SmoothAveragePrecision(temperature=0.0)


def test_every_exported_loss_has_a_contract():
    tested = {sub.cls for sub in LossContract.__subclasses__()}
    exported = {value for name in losses.__all__ if isinstance(value := getattr(losses, name), type) and issubclass(value, Loss)}
    assert exported - {Loss} == tested


class TestLossSum:
    def test_weighted_terms_and_total(self, inputs):
        parts = [CrossEntropy(0.5), FourWayHardTriplet(2.0), SimilarityPreserving(0.0)]
        total, terms = LossSum(parts)(inputs)
        assert list(terms) == ["ce", "triplet", "sp"]
        for part in parts:
            assert terms[part.name] == part.weight * part(inputs)
        torch.testing.assert_close(total, sum(terms.values()))

    def test_only_the_total_carries_gradient(self, inputs):
        leaf = inputs.features.clone().requires_grad_()
        total, terms = LossSum([FourWayHardTriplet()])(dataclasses.replace(inputs, features=leaf))
        assert total.requires_grad
        assert not terms["triplet"].requires_grad

    def test_without_classes(self, inputs):
        objective = LossSum([CrossEntropy(), ClassMMD()])
        total, terms = objective(dataclasses.replace(inputs, logits=None), without_classes=True)
        assert list(terms) == ["cmmd"]
        assert total == terms["cmmd"]
        with pytest.raises(ValueError, match="No loss is left"):
            LossSum([CrossEntropy()])(inputs, without_classes=True)

    def test_settings_rebuild_it(self, inputs):
        objective = LossSum([CrossEntropy(label_smoothing=0.1), ClassMMD(0.2, on="features")])
        again = instantiate(objective.settings())
        assert again.settings() == objective.settings()
        assert again(inputs)[0] == objective(inputs)[0]

    def test_names_must_differ(self):
        with pytest.raises(ValueError, match="cmmd repeats; give one of them another `name`"):
            LossSum([ClassMMD(), ClassMMD(on="features")])
        assert len(LossSum([ClassMMD(), ClassMMD(on="features", name="cmmd_features")]).losses) == 2

    def test_refusals(self):
        with pytest.raises(ValueError, match="at least one loss"):
            LossSum([])
        with pytest.raises(TypeError, match=r"derive from vireid\.losses\.Loss, got CrossEntropyLoss"):
            LossSum([torch.nn.CrossEntropyLoss()])


class TestLossInputs:
    def test_halves(self, inputs):
        v, t = inputs.visible, inputs.infrared
        assert (v.n_visible, t.n_visible, v.k, t.k) == (6, 0, 2, 2)
        for name in ("features", "embeddings", "logits", "labels"):
            assert torch.equal(torch.cat([getattr(v, name), getattr(t, name)]), getattr(inputs, name))
        assert dataclasses.replace(inputs, logits=None).visible.logits is None

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"embeddings": torch.zeros(11, 5)}, "`embeddings` must have one row for each of the 12"),
            ({"logits": torch.zeros(6, 4)}, "`logits` must have one row"),
            ({"labels": torch.zeros(6)}, "`labels` must have one row"),
            ({"n_visible": 13}, "`n_visible` must be 0 to 12"),
            ({"n_visible": -1}, "`n_visible` must be 0 to 12"),
            ({"k": 0}, "`k` must be at least 1"),
            ({"extras": {"maps": torch.zeros(24, 2)}}, "The extra `maps` must have one row for each of the 12"),
            ({"visible_views": 0}, "`visible_views` must divide the 6 visible rows, got 0"),
            ({"visible_views": 4}, "`visible_views` must divide the 6 visible rows, got 4"),
        ],
    )
    def test_refusals(self, inputs, change, message):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(inputs, **change)

    def test_views_are_blocks_of_the_visible_rows(self, inputs):
        views = dataclasses.replace(inputs, visible_views=2)
        first, second = views.view(0), views.view(1)
        assert (first.n_visible, second.n_visible, first.visible_views) == (3, 3, 1)
        assert torch.equal(torch.cat([first.features, second.features]), inputs.features[:6])
        assert views.visible.visible_views == 2
        assert views.infrared.visible_views == 1
        with pytest.raises(SettingsError, match="needs 3 views of every visible image, the batch has 2"):
            views.view(2)

    def test_extras_follow_their_rows(self, inputs):
        full = dataclasses.replace(inputs, extras={"maps": torch.arange(12)})
        assert full.extra("maps", "`head`").tolist() == list(range(12))
        assert full.infrared.extra("maps", "`head`").tolist() == list(range(6, 12))
        for without in (inputs, full):
            with pytest.raises(SettingsError, match=r"needs `scores`, which this network does not give\. Set `head` to X"):
                without.extra("scores", "`head` to X")


@pytest.mark.parametrize(
    "loss",
    [
        FourWayHardTriplet(),
        SimilarityPreserving(),
        ClassMMD(),
        AttentionAlignment(),
        HeteroCentreTriplet(),
        CrossCorrelation(),
        InfraredDistillation(),
    ],
    ids=lambda loss: type(loss).__name__,
)
@pytest.mark.parametrize(("n_visible", "kind"), [(4, "visible"), (0, "infrared")])
def test_losses_between_modalities_refuse_a_batch_of_one(loss: Loss, n_visible: int, kind: str) -> None:
    rows, labels = torch.randn(4, 3), torch.tensor([0, 0, 1, 1])
    inputs = LossInputs(rows, rows, torch.randn(4, 2), labels, n_visible, 2)
    message = rf"`{type(loss).__name__}` compares visible with infrared rows, but all 4 rows of this batch are {kind}.*BatchHardTriplet"
    with pytest.raises(SettingsError, match=message):
        loss(inputs)
    for other in (CrossEntropy(), BatchHardTriplet(), WeightedRegularizedTriplet()):
        assert torch.isfinite(other(inputs))
