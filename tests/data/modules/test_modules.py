"""Data modules: one contract for all, then what is special to each."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import LLCM_TEST, LLCM_TRAIN, SYSU_TEST, SYSU_TRAIN, SYSU_VAL, TEST, TRAIN, make_llcm, make_market, make_sysu
from vireid.data import (
    ARCHITECTURE,
    CMNASAugmentation,
    DukeMTMCDataModule,
    FlipShiftAugmentation,
    LLCMDataModule,
    Market1501DataModule,
    MSMT17DataModule,
    PairedFolderDataModule,
    RegDBDataModule,
    ReIDDataModule,
    SyntheticDataModule,
    SYSUDataModule,
)
from vireid.data.datasets.releases import RELEASES
from vireid.data.modules import synthetic
from vireid.data.modules.division import ids_digest
from vireid.errors import DatasetError, DatasetNotFoundError, SettingsError
from vireid.settings import instantiate, settings_of
from vireid.structures import Batch, Modality, SearchBatch

SMALL: dict[str, Any] = {
    "height": 16,
    "width": 8,
    "identities_per_batch": 1,
    "images_per_identity": 2,
    "num_workers": 0,
    "eval_batch_size": 5,
}
Make = Callable[..., ReIDDataModule]


class Contract:
    """What every data module promises; a subclass gives ``make``."""

    modalities = 2

    def test_plain_training(self, make: Make) -> None:
        data = make()
        batch = next(iter(data.train_dataloader()))
        assert isinstance(batch, Batch)
        assert batch.images.shape == (2 * self.modalities, 3, 16, 8)
        assert batch.images.dtype == torch.uint8
        assert batch.n_visible == 2
        assert batch.modalities.tolist() == [0, 0, 1, 1][: 2 * self.modalities]
        assert set(batch.labels.tolist()) < set(range(data.num_classes))
        records = data.parts.weights
        assert batch.pids.tolist() == [records[row].pid for row in batch.positions]
        assert data.parts.labels == {pid: label for label, pid in enumerate(data.training_pids())}
        assert data.num_classes == len(data.training_pids())

    def test_test_identities_are_never_touched(self, make: Make) -> None:
        for split in ("none", "identity", "image"):
            data = make(search_split=split, validation="heldout")
            seen = {record.pid for record in (*data.parts.weights, *data.parts.architecture, *data.evaluation("validate").records)}
            assert not seen & set(data.test_pids())

    def test_search_by_identity(self, make: Make) -> None:
        data = make(search_split="identity")
        weights, held = ({record.pid for record in part} for part in (data.parts.weights, data.parts.architecture))
        assert not weights & held
        assert data.num_classes == len(weights)
        assert sorted(data.parts.labels[pid] for pid in weights) == list(range(len(weights)))
        assert sorted(data.parts.labels[pid] for pid in held) == list(range(len(weights), len(weights) + len(held)))
        batch = next(iter(data.train_dataloader()))
        assert isinstance(batch, SearchBatch)
        assert batch.weights.labels.max() < data.num_classes <= batch.architecture.labels.min()
        assert (batch.weights.key[4], batch.architecture.key[4]) == (0, ARCHITECTURE)
        assert data.training_pids() == sorted(weights | held)

    def test_search_by_image(self, make: Make) -> None:
        data, plain = make(search_split="image"), make()
        weights, held = data.parts.weights, data.parts.architecture
        assert not set(weights) & set(held)
        assert {*weights, *held} == set(plain.parts.weights)
        assert data.num_classes == plain.num_classes
        assert data.parts.labels == plain.parts.labels
        count: Callable[..., int] = lambda part, pid, modality: sum(r.pid == pid and r.modality == modality for r in part)  # noqa: E731
        for pid in data.training_pids():
            for modality in Modality:
                assert 0 <= count(weights, pid, modality) - count(held, pid, modality) <= 1

    def test_the_seed_decides(self, make: Make) -> None:
        same = [make(search_split="image", seed=seed).parts.weights for seed in (1, 1, 2)]
        assert same[0] == same[1] != same[2]
        keys = [next(iter(make(seed=seed).train_dataloader())) for seed in (1, 1, 2)]
        assert torch.equal(keys[0].positions, keys[1].positions)
        assert [batch.key[0] for batch in keys] == [1, 1, 2]

    def test_no_validation_by_default(self, make: Make) -> None:
        data = make()
        assert data.val_dataloader() == []
        with pytest.raises(SettingsError, match=r"There is no validation: set `data.init_args.validation`"):
            data.evaluation("validate")

    @pytest.mark.parametrize("validation", ["heldout", "faithful_test_set"])
    def test_evaluation_batches_cover_the_records_in_order(self, make: Make, validation: str) -> None:
        data = make(validation=validation)
        (val,) = data.val_dataloader()
        for stage, loader in (("validate", val), ("test", data.test_dataloader()), ("test", data.predict_dataloader())):
            batches = list(loader)
            records = data.evaluation(stage).records
            assert [pid for batch in batches for pid in batch.pids.tolist()] == [record.pid for record in records]
            assert torch.cat([batch.positions for batch in batches]).tolist() == list(range(len(records)))
            assert all(batch.n_visible in (0, len(batch)) and batch.key == () and len(batch) <= 5 for batch in batches)
            assert all((batch.labels == -1).all() for batch in batches)
            for setting in data.evaluation(stage).settings:
                for trial in setting.trials:
                    assert trial.query.max() < len(records) > trial.gallery.max()
        if validation == "faithful_test_set":
            assert {record.pid for record in data.evaluation("validate").records} <= set(data.test_pids())
            assert all(len(setting.trials) == 1 for setting in data.evaluation("validate").settings)

    def test_training_batches_are_augmented_and_others_normalised(self, make: Make) -> None:
        augmentation = FlipShiftAugmentation(padding=2, mean={"visible": (0.5, 0.5, 0.5), "infrared": (0.2, 0.2, 0.2)})
        data = make(augmentation=augmentation, search_split="image")
        raw = next(iter(data.train_dataloader()))
        done = data.on_after_batch_transfer(raw, 0)
        for part in ("weights", "architecture"):
            before, after = getattr(raw, part), getattr(done, part)
            assert torch.equal(after.images, augmentation(before.images, before.key, before.n_visible))
            assert torch.equal(after.pids, before.pids)
        for raw in data.test_dataloader():
            assert torch.equal(data.on_after_batch_transfer(raw, 0).images, augmentation.normalise(raw.images, raw.n_visible))
        assert isinstance(make().augmentation, CMNASAugmentation)
        assert data.on_after_batch_transfer("other", 0) == "other"

    def test_loaders_leave_the_global_generator_alone(self, make: Make) -> None:
        data = make()
        state = torch.get_rng_state()
        next(iter(data.train_dataloader()))
        next(iter(data.test_dataloader()))
        assert torch.equal(state, torch.get_rng_state())

    def test_cached_images_are_the_same(self, make: Make) -> None:
        plain, cached = next(iter(make().train_dataloader())), next(iter(make(cache_images=True).train_dataloader()))
        assert torch.equal(plain.images, cached.images)

    def test_images_kept_on_disk_are_the_same(self, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Path, "home", lambda: tmp_path)
        for loader in ("train_dataloader", "test_dataloader"):
            plain, kept = (next(iter(getattr(make(**settings), loader)())) for settings in ({}, {"cache_images": "disk"}))
            assert torch.equal(plain.images, kept.images)
        assert list((tmp_path / ".cache" / "vireid" / "images").iterdir())

    def test_provenance_is_plain(self, make: Make) -> None:
        data = make(search_split="identity")
        facts = data.provenance()
        assert facts["search_ids_sha256"] == hashlib.sha256(",".join(map(str, data.training_pids())).encode()).hexdigest()
        assert facts["test_ids_sha256"] == ids_digest(data.test_pids()) != facts["search_ids_sha256"]
        assert facts["search_pids"] == data.training_pids()
        assert facts["dataset"] == type(data).dataset_name

    def test_settings_rebuild(self, make: Make) -> None:
        data = make(augmentation=FlipShiftAugmentation(3), search_split="image")
        again = instantiate(settings_of(data))
        assert settings_of(again) == settings_of(data)
        assert again.parts == data.parts
        assert settings_of(data)["class_path"] == f"vireid.{type(data).__name__}"

    @pytest.mark.parametrize("name", ["height", "width", "identities_per_batch", "images_per_identity", "eval_batch_size"])
    def test_numbers_are_checked(self, make: Make, name: str) -> None:
        with pytest.raises(SettingsError, match=f"`{name}` must be at least 1, got 0"):
            make(**{name: 0})
        with pytest.raises(SettingsError, match="`num_workers` must be at least 0"):
            make(num_workers=-1)
        with pytest.raises(SettingsError, match="`heldout_fraction` must be between 0 and 1"):
            make(heldout_fraction=1.0)

    def test_too_many_identities_in_a_batch(self, make: Make) -> None:
        with pytest.raises(SettingsError, match="asks for 99 identities"):
            make(identities_per_batch=99).train_dataloader()


@pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images")  # the tree is small; tested in test_sysu
class TestSYSU(Contract):
    @pytest.fixture
    def make(self, sysu_root: Path) -> Make:
        def build(**changes: Any) -> ReIDDataModule:
            return SYSUDataModule(sysu_root, **{**SMALL, "trials": 2, **changes})

        return build

    def test_lists_decide_who_trains(self, make: Make) -> None:
        assert make().training_pids() == [*SYSU_TRAIN, *SYSU_VAL]
        assert make(train_ids="train").training_pids() == list(SYSU_TRAIN)
        assert make().test_pids() == list(SYSU_TEST)

    @pytest.mark.parametrize("train_ids", ["trainval", "train"])
    def test_official_held_out_identities_are_the_validation_list(self, make: Make, train_ids: str) -> None:
        data = make(train_ids=train_ids, search_split="identity", validation="heldout")
        assert {record.pid for record in data.parts.weights} == set(SYSU_TRAIN)
        assert {record.pid for record in data.parts.architecture} == set(SYSU_VAL)
        (setting,) = data.evaluation("validate").settings
        assert (setting.protocol, setting.rule) == ("sysu/heldout/infrared-to-visible", "sysu")
        records = data.evaluation("validate").records
        assert {records[row].camid for row in setting.trials[0].query} == {3}
        assert {records[row].camid for row in setting.trials[0].gallery} == {4, 5}

    def test_seeded_held_out_identities(self, make: Make) -> None:
        parts = [make(heldout="seeded", search_split="identity", heldout_fraction=1 / 3, seed=seed).parts for seed in range(4)]
        assert {part.num_classes for part in parts} == {6}
        assert len({frozenset(part.labels.items()) for part in parts}) > 1

    def test_galleries_have_a_lineage(self, make: Make) -> None:
        assert make().provenance()["gallery"] == "seeded"
        with pytest.raises(DatasetNotFoundError, match="rand_perm_cam"):
            make(gallery="official").evaluation("test")
        with pytest.raises(SettingsError, match="`trials` must be 1 to 10"):
            make(trials=11)
        assert len(make(trials=3).evaluation("test").settings[0].trials) == 3

    def test_wrong_root_at_construction(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetNotFoundError, match=r"No `cam1/` folder.*Set `data.init_args.root`"):
            SYSUDataModule(tmp_path)

    def test_an_empty_validation_list(self, tmp_path: Path) -> None:
        root = make_sysu(tmp_path / "tree")
        (root / "exp/val_id.txt").write_text("")
        with pytest.raises(DatasetError, match=r"val_id.txt` under .* is empty: set `data.init_args.heldout` to seeded"):
            _ = SYSUDataModule(root, search_split="identity").num_classes

    def test_only_a_nearly_complete_copy_is_compared_with_the_release(
        self, make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            make().setup("fit")
            assert not caplog.records
            monkeypatch.setattr("vireid.data.datasets.releases.COMPLETE", 0)
            data = make()
            data.setup("fit")
            data.setup("test")
        (record,) = caplog.records
        assert "train has 6 identities, the release 296" in record.getMessage()


class TestRegDB(Contract):
    @pytest.fixture
    def make(self, regdb_root: Path) -> Make:
        def build(**changes: Any) -> ReIDDataModule:
            return RegDBDataModule(regdb_root, **{**SMALL, **changes})

        return build

    def test_trials_differ(self, make: Make) -> None:
        first, second = make(), make(trial=2)
        assert first.training_pids() != second.training_pids()
        assert (first.provenance()["trial"], second.provenance()["trial"]) == (1, 2)
        with pytest.raises(ValueError, match=r"`trial` must be 1 to 10 for RegDB, got 11\."):
            make(trial=11)

    def test_held_out_validation_has_both_directions(self, make: Make) -> None:
        protocols = [setting.protocol for setting in make(validation="heldout", trial=4).evaluation("validate").settings]
        assert protocols == ["regdb/heldout/visible-to-infrared/trial-4", "regdb/heldout/infrared-to-visible/trial-4"]

    def test_only_a_nearly_complete_copy_is_compared_with_the_release(
        self, make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            make().setup("fit")
            assert not caplog.records
            monkeypatch.setattr("vireid.data.datasets.releases.COMPLETE", 0)
            make().setup("fit")
        assert "train has 24 visible images, the release 2060" in caplog.text


class TestPairedFolder(Contract):
    @pytest.fixture
    def make(self, folder_root: Path) -> Make:
        def build(**changes: Any) -> ReIDDataModule:
            return PairedFolderDataModule(folder_root, **{**SMALL, **changes})

        return build

    def test_share_of_the_test(self, make: Make) -> None:
        assert len(make(test_fraction=1 / 3).test_pids()) == 2
        protocols = [setting.protocol for setting in make(validation="heldout").evaluation("validate").settings]
        assert protocols == ["folder/heldout/visible-to-infrared", "folder/heldout/infrared-to-visible"]


DRAWN: dict[str, Any] = {"identities": 8, "test_identities": 3, "images": 2, "image_height": 32, "image_width": 16, "trials": 2}


@pytest.fixture(scope="session")
def drawn_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn once."""
    root = tmp_path_factory.mktemp("drawn") / "people"
    SyntheticDataModule(root, **DRAWN, **SMALL).prepare_data()
    return root


class TestSynthetic(Contract):
    @pytest.fixture
    def make(self, drawn_root: Path) -> Make:
        return partial(self.build, drawn_root)

    @staticmethod
    def build(root: Path, **changes: Any) -> ReIDDataModule:
        return SyntheticDataModule(root, **{**SMALL, **DRAWN, **changes})

    @pytest.mark.parametrize("search_split", ["none", "identity", "image"])
    @pytest.mark.parametrize("validation", ["none", "heldout"])
    def test_classes_are_known_before_drawing(self, make: Make, tmp_path: Path, search_split: str, validation: str) -> None:
        later = SyntheticDataModule(tmp_path / "nothing", **DRAWN, search_split=search_split, validation=validation)
        drawn = make(search_split=search_split, validation=validation)
        assert later.num_classes == drawn.parts.num_classes == drawn.num_classes
        assert not (tmp_path / "nothing").exists()

    def test_images_are_drawn_once(self, make: Make, drawn_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*args: Any, **kwargs: Any) -> None:
            raise AssertionError

        monkeypatch.setattr(synthetic, "write_dataset", fail)
        make().prepare_data()
        make().setup("fit")
        with pytest.raises(DatasetError, match=r"holds no images drawn with these arguments.*Delete it"):
            make(seed_data=5).prepare_data()
        with pytest.raises(AssertionError):
            SyntheticDataModule(drawn_root.parent / "other", **DRAWN).setup("fit")  # draws if prepare_data was skipped
        assert [path.name for path in drawn_root.parent.iterdir()] == [drawn_root.name]  # nothing half-written stays

    def test_what_a_killed_process_left_is_removed_before_people_are_drawn(self, tmp_path: Path) -> None:
        for name in (".people.drawn", "..people.drawn.partial"):
            (tmp_path / name / "cam1").mkdir(parents=True)
        SyntheticDataModule(tmp_path / "people", **DRAWN).prepare_data()
        assert [path.name for path in tmp_path.iterdir()] == ["people"]

    def test_the_cache_folder_depends_on_what_changes_an_image(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(Path, "home", lambda: tmp_path)
        same: list[dict[str, Any]] = [{}, {"height": 32}, {"seed": 3}, {"trials": 1}]
        other: list[dict[str, Any]] = [{"seed_data": 3}, {"style": "thermal"}, {"world": "bars"}, {"identities": 99}]
        other.append({"difficulty": {"noise": 0.1}})
        roots = [SyntheticDataModule(**change).root for change in same]
        assert len(set(roots)) == 1
        assert len({*roots, *(SyntheticDataModule(**change).root for change in other)}) == 6
        assert roots[0].parent == tmp_path / ".cache/vireid/synthetic"
        assert settings_of(SyntheticDataModule())["init_args"]["root"] is None
        monkeypatch.setattr(synthetic, "GENERATOR_VERSION", 10**6)
        assert SyntheticDataModule().root != roots[0]

    def test_few_images_are_meant(self, make: Make, recwarn: pytest.WarningsRecorder) -> None:
        make().evaluation("test")
        assert not [warning for warning in recwarn if "fewer than" in str(warning.message)]

    def test_errors(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="`test_identities` must be 1 to 9, got 10"):
            SyntheticDataModule(tmp_path, identities=10, test_identities=10)
        with pytest.raises(SettingsError, match=r"`difficulty`: .*wrong"):
            SyntheticDataModule(tmp_path, difficulty={"wrong": 1.0})
        with pytest.raises(SettingsError, match="`images` must be"):
            SyntheticDataModule(tmp_path / "new", images=0).prepare_data()
        assert not list(tmp_path.iterdir())


def test_a_single_image_cannot_be_halved(folder_root: Path, tmp_path: Path) -> None:
    root = shutil.copytree(folder_root, tmp_path / "copy")
    for pid in range(1, 7):
        (root / f"visible/{pid}/0.png").unlink()
    with pytest.raises(SettingsError, match=r"needs two images of every identity and modality; 3 have one.*Use `search_split: identity`"):
        _ = PairedFolderDataModule(root, search_split="image").parts


class TestLLCM(Contract):
    @pytest.fixture
    def make(self, llcm_root: Path) -> Make:
        def build(**changes: Any) -> ReIDDataModule:
            return LLCMDataModule(llcm_root, **{**SMALL, "trials": 2, **changes})

        return build

    def test_who_trains(self, make: Make) -> None:
        assert make().training_pids() == list(LLCM_TRAIN)
        assert make().test_pids() == list(LLCM_TEST)

    def test_swapped_is_asked_for_by_name(self, make: Make) -> None:
        protocols = ["llcm/visible-to-infrared", "llcm/infrared-to-visible"]
        assert [setting.protocol for setting in make().evaluation("test").settings] == protocols
        settings = make(swapped=True).evaluation("test").settings
        assert [setting.protocol for setting in settings] == [*protocols, "llcm/visible-to-infrared/swapped"]
        assert {len(setting.trials) for setting in settings} == {2}
        with pytest.raises(SettingsError, match="`trials` must be 1 to 10 for LLCM, got 0"):
            make(trials=0)

    def test_held_out_validation_has_both_directions(self, make: Make) -> None:
        evaluation = make(validation="heldout").evaluation("validate")
        assert [(setting.protocol, setting.rule) for setting in evaluation.settings] == [
            ("llcm/heldout/visible-to-infrared", "llcm"),
            ("llcm/heldout/infrared-to-visible", "llcm"),
        ]
        for setting, modality in zip(evaluation.settings, Modality, strict=True):
            assert {evaluation.records[row].modality for row in setting.trials[0].query} == {modality}
            assert {evaluation.records[row].modality for row in setting.trials[0].gallery} == {1 - modality}

    def test_only_a_nearly_complete_copy_is_compared_with_the_release(
        self, make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            make().setup("fit")
            assert not caplog.records
            monkeypatch.setattr("vireid.data.datasets.releases.COMPLETE", 0)
            data = make()
            data.setup("fit")
            data.setup("test")
        (record,) = caplog.records
        assert f"differs from LLCM as released: train has {len(LLCM_TRAIN)} identities, the release 713; " in record.getMessage()


class SingleModality(Contract):
    modalities = 1

    def test_held_out_queries_are_the_first_image_of_each_identity_and_camera(self, make: Make) -> None:
        data = make(validation="heldout")
        evaluation = data.evaluation("validate")
        (setting,) = evaluation.settings
        assert (setting.protocol, setting.rule) == (f"{data.dataset_name}/heldout/query-to-gallery", "market")
        query, gallery = ([evaluation.records[row] for row in rows] for rows in (setting.trials[0].query, setting.trials[0].gallery))
        assert len({(record.pid, record.camid) for record in query}) == len(query)
        assert sorted((*query, *gallery), key=str) == sorted(data.parts.heldout, key=str)
        for record in query:
            same = [r.path for r in data.parts.heldout if (r.pid, r.camid) == (record.pid, record.camid)]
            assert record.path == min(same)

    def test_only_a_nearly_complete_copy_is_compared_with_the_release(
        self, make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            make().setup("fit")
            assert not caplog.records
            monkeypatch.setattr("vireid.data.datasets.releases.COMPLETE", 0)
            data = make()
            data.setup("fit")
            data.setup("test")
        (record,) = caplog.records
        assert "query has 9 visible images, the release" in record.getMessage()
        assert record.getMessage().startswith(f"{data.dataset.root} differs from {RELEASES[data.dataset_name].name} as released: ")  # type: ignore[attr-defined]

    def test_a_wrong_root_is_an_error_at_construction(self, make: Make, sysu_root: Path) -> None:
        with pytest.raises(DatasetNotFoundError, match=r"No `(bounding_box_train|train)/` folder under .*Set `data.init_args.root`"):
            type(make())(sysu_root)


class TestMarket1501(SingleModality):
    @pytest.fixture
    def make(self, market_root: Path) -> Make:
        return lambda **changes: Market1501DataModule(market_root, **{**SMALL, **changes})

    def test_distractors_are_tested_and_never_trained(self, make: Make) -> None:
        assert make().training_pids() == list(TRAIN)
        assert make().test_pids() == [0, *TEST]


class TestDukeMTMC(SingleModality):
    @pytest.fixture
    def make(self, duke_root: Path) -> Make:
        return lambda **changes: DukeMTMCDataModule(duke_root, **{**SMALL, **changes})

    def test_identities_of_the_gallery_alone_are_tested(self, make: Make) -> None:
        assert make().test_pids() == [*TEST, 20]


class TestMSMT17(SingleModality):
    @pytest.fixture
    def make(self, msmt17_root: Path) -> Make:
        return lambda **changes: MSMT17DataModule(msmt17_root, **{**SMALL, **changes})

    def test_lists_of_the_training(self, make: Make) -> None:
        assert make().training_pids() == [0, 1, 2]
        assert make(train_on="trainval").training_pids() == [0, 1, 2, 3]
        assert make().test_pids() == [10_000, 10_001, 10_002]
        assert make(train_on="trainval").provenance()["train_on"] == "trainval"

    def test_the_training_total_is_compared_with_both_lists_only(
        self, make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr("vireid.data.datasets.releases.COMPLETE", 0)
        with caplog.at_level(logging.WARNING):
            make().setup("fit")
            assert "train has" not in caplog.text
            make(train_on="trainval").setup("fit")
        assert "train has 24 visible images, the release 32621" in caplog.text


def test_a_copy_of_llcm_is_compared_with_the_release(
    llcm_root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        LLCMDataModule(llcm_root).setup("fit")
        assert not caplog.records
        monkeypatch.setattr("vireid.data.datasets.releases.COMPLETE", 0)
        data = LLCMDataModule(llcm_root)
        data.setup("fit")
        data.setup("test")
    (record,) = caplog.records
    assert "train has 4 identities, the release 713" in record.getMessage()


def test_modules_of_two_modalities_refuse_data_of_one(llcm_root: Path, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text("path,pid,modality\n" + "".join(f"{pid}.png,{pid},visible\n" for pid in range(4)))
    with pytest.raises(DatasetError, match="Training needs visible and infrared images of every identity; there are visible images only"):
        PairedFolderDataModule(table, **SMALL).train_dataloader()


def test_one_root_is_never_taken_for_another(tmp_path: Path) -> None:
    market, llcm = make_market(tmp_path / "market"), make_llcm(tmp_path / "llcm")
    with pytest.raises(DatasetNotFoundError, match=r"No `vis/` folder under .*market"):
        LLCMDataModule(market)
    with pytest.raises(DatasetNotFoundError, match=r"No `bounding_box_train/` folder under .*llcm"):
        Market1501DataModule(llcm)
    with pytest.raises(DatasetNotFoundError, match=r"No `train/` folder under .*market"):
        MSMT17DataModule(market)
    with pytest.raises(DatasetNotFoundError, match=r"No `cam1/` folder"):
        SYSUDataModule(llcm)
    with pytest.raises(DatasetNotFoundError, match=r"No `Visible/` folder"):
        RegDBDataModule(llcm)
    with pytest.raises(DatasetError, match=r"is not named like `0005_c2_f0046985.jpg`, as the images of DukeMTMC-reID are"):
        _ = DukeMTMCDataModule(market).num_classes
