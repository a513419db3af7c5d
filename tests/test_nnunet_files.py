import json

import numpy as np
import pytest
from load_script import load_script
from painted_spine import LPS, PIR, paint_classes, paint_volume
from tiny_dataset import write_dataset, write_series

from spider2d.baselines.nnunet_export import IGNORE_LABEL, canonical_volume, export_dataset
from spider2d.baselines.nnunet_folder import WorkFolder
from spider2d.baselines.nnunet_import import import_predictions, read_class_map
from spider2d.baselines.nnunet_plans import write_own_plans
from spider2d.data.volume import Volume, from_canonical, read_mask, read_volume, to_canonical, write_volume
from spider2d.errors import ConfigError, DatasetError, VolumeError
from spider2d.labels import CANAL, CANAL_LABEL, DISC, VERTEBRA, classes_of_labels

TRAINING = {
    "title": "nnU-Net 3d_fullres",
    "dimension": "3D",
    "architecture": "nnunet_3d_fullres",
    "patch_size": [8, 32, 32],
    "spacing_mm": [4.4, 0.5, 0.5],
    "plans": "nnUNetPlans",
    "device": "cpu",
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("nnunet") / "dataset")


@pytest.fixture(scope="module")
def exported(dataset):
    folder = WorkFolder(dataset.parent / "work")
    return folder, export_dataset(dataset, folder)


def perfect_prediction(folder):
    """Put the exported references where nnU-Net would write its class maps; return the validation names."""
    names = [one.name for one in folder.read_export() if one.subset == "validation"]
    for name in names:
        reference = read_mask(folder.raw / "labelsTr" / f"{name}.mha")
        write_volume(folder.of("3d_fullres") / "class_maps" / f"{name}.mha", reference)
    folder.write_json("3d_fullres/training.json", TRAINING)
    folder.add_cost("predict_3d_fullres", {"seconds_per_volume": 2.5, "mirroring": False, "step_size": 0.5})
    return names


def test_a_data_set_of_links_to_files_without_endings_is_imported_too(tmp_path):
    dataset, folder = write_dataset(tmp_path / "dataset"), WorkFolder(tmp_path / "work")
    for number, image in enumerate(sorted((dataset / "images").iterdir())):
        image.symlink_to(image.rename(tmp_path / f"ab{number}"))  # as DVC and git-annex keep them
    export_dataset(dataset, folder)
    names = perfect_prediction(folder)
    assert len(import_predictions(folder, "3d_fullres")) == len(names) > 0


def test_raw_data_set_has_nnunets_form_and_splits_by_patient(exported):
    folder, series = exported
    description = json.loads((folder.raw / "dataset.json").read_text())
    assert description["labels"] == {"background": 0, "vertebra": 1, "disc": 2, "canal": 3}
    assert (description["numTraining"], description["file_ending"]) == (4, ".mha")
    names = {one.name for one in series}
    assert {p.name for p in (folder.raw / "imagesTr").iterdir()} == {f"{name}_0000.mha" for name in names}
    assert {p.name for p in (folder.raw / "labelsTr").iterdir()} == {f"{name}.mha" for name in names}
    (split,) = json.loads((folder.preprocessed / "splits_final.json").read_text())
    assert set(split["train"]) | set(split["val"]) == names
    patients = [{name.split("_")[0] for name in split[side]} for side in ("train", "val")]
    assert not patients[0] & patients[1] and all(patients)
    assert {p.name for p in (folder.raw / "imagesTs").iterdir()} == {f"{n}_0000.mha" for n in split["val"]}


def test_all_volumes_get_the_same_axis_order_without_resampling(dataset, exported):
    folder, _ = exported
    for name in ("1_t1", "2_t2_SPACE"):  # slice axis last, and first
        original = to_canonical(read_volume(dataset / "images" / f"{name}.mha"))
        stored = read_volume(folder.raw / "imagesTr" / f"{name}_0000.mha")
        np.testing.assert_array_equal(stored.array_zyx, original.array_sra)
        np.testing.assert_array_equal(to_canonical(stored).array_sra, original.array_sra)
        assert stored.geometry.spacing_xyz_mm == original.spacing_sra_mm[::-1]


def test_perfect_class_maps_come_back_on_the_original_grids(dataset, exported):
    folder, _ = exported
    names = perfect_prediction(folder)
    reports = import_predictions(folder, "3d_fullres")
    assert len(reports) == len(names) >= 1
    for name, report in zip(names, reports, strict=True):
        reference = read_mask(dataset / "masks" / f"{name}.mha")
        labels = read_mask(folder.of("3d_fullres") / "predictions" / f"{name}.mha")
        assert labels.geometry == reference.geometry
        found, wanted = classes_of_labels(labels.array_zyx), classes_of_labels(reference.array_zyx)
        assert np.mean(found == wanted) > 0.995  # the instance step drops a few voxels
        assert report["network"]["dimension"] == "3D"
        assert report["seconds"]["network"] == 2.5
        assert (report["test_time_augmentation"], report["step_size"]) == (False, 0.5)
        assert {instance["confidence"] for instance in report["instances"]} == {None}


def painted_labels():
    """The painted spine as SPIDER labels: vertebrae 4-1 from the top, below each but the last its disc."""
    classes = paint_classes()
    labels = np.where(classes == CANAL, CANAL_LABEL, 0).astype(np.uint8)
    for k in range(4):
        top = 8 + 35 * k
        labels[:, top : top + 25][classes[:, top : top + 25] == VERTEBRA] = 4 - k
        labels[:, top + 25 : top + 35][classes[:, top + 25 : top + 35] == DISC] = 204 - k
    return labels


def write_painted_dataset(root):
    """Write the painted spine of three patients with its labels, on grids of both axis orders."""
    for name, direction in (("1_t2", LPS), ("2_t2", LPS), ("3_t2_SPACE", PIR)):
        image, _ = paint_volume(direction)
        write_volume(root / "images" / f"{name}.mha", image)
        write_volume(root / "masks" / f"{name}.mha", from_canonical(painted_labels(), image))
    return root


def test_imported_labels_can_be_scored_like_any_other(tmp_path):
    folder, painted = WorkFolder(tmp_path / "work"), write_painted_dataset(tmp_path / "painted")
    export_dataset(painted, folder)
    perfect_prediction(folder)
    import_predictions(folder, "3d_fullres")
    metrics = scored(painted, folder, tmp_path / "scores")
    for structure, of_structure, count in (("Vertebrae", "vertebra", 4), ("Discs", "disc", 3)):
        assert metrics["official"][f"DiceScore{structure}"]["mean"] == 1
        assert metrics["official"][f"DetectionRate{structure}"]["mean"] == 1
        assert metrics["strict"][f"{of_structure}_dice"]["mean"] == 1
        assert metrics["strict"][f"{of_structure}_detected_count"]["mean"] == count
    assert metrics["official"]["DiceScoreSpinalCanal"]["mean"] == 1


def scored(dataset, folder, output):
    """Score the imported labels of the validation side by the script; return the content of metrics.json."""
    script = load_script("src/evaluate_volumes.py")
    predictions = folder.of("3d_fullres") / "predictions"
    options = ["--dataset", dataset, "--subset", "validation", "--predictions", predictions]
    script.main(script.parse_args([str(word) for word in [*options, "--output", output]]))
    return json.loads((output / "metrics.json").read_text())


def test_class_map_of_another_grid_or_with_other_values_is_refused(dataset, exported, tmp_path):
    image = read_volume(dataset / "images" / "1_t1.mha")
    exported_grid = canonical_volume(image)
    write_volume(tmp_path / "shifted.mha", Volume(exported_grid.array_zyx[1:], _cut(exported_grid.geometry)))
    with pytest.raises(VolumeError, match="not on the grid of the exported image"):
        read_class_map(tmp_path / "shifted.mha", image)
    wrong = np.full(exported_grid.array_zyx.shape, IGNORE_LABEL, np.uint8)
    write_volume(tmp_path / "wrong.mha", Volume(wrong, exported_grid.geometry))
    with pytest.raises(VolumeError, match="classes 0-3"):
        read_class_map(tmp_path / "wrong.mha", image)


def _cut(geometry):
    size = geometry.size_xyz
    return type(geometry)(
        (*size[:2], size[2] - 1), geometry.spacing_xyz_mm, geometry.origin_xyz_mm, geometry.direction
    )


def test_undefined_labels_become_nnunets_ignore_label(tmp_path):
    from tiny_dataset import labels_sra

    labels = labels_sra()
    labels[2, 5, 5] = 250
    write_series(tmp_path / "data", "1_t1", labels=labels)
    write_series(tmp_path / "data", "2_t1")
    folder = WorkFolder(tmp_path / "work")
    export_dataset(tmp_path / "data", folder)
    assert json.loads((folder.raw / "dataset.json").read_text())["labels"]["ignore"] == IGNORE_LABEL == 4
    stored = read_mask(folder.raw / "labelsTr" / "1_t1.mha").array_zyx
    assert stored[2, 5, 5] == IGNORE_LABEL and (stored == IGNORE_LABEL).sum() == 1


def test_one_sided_data_set_and_missing_steps_name_what_to_do(tmp_path):
    write_series(tmp_path / "data", "1_t1")
    with pytest.raises(DatasetError, match="no series with a mask in the subset validation"):
        export_dataset(tmp_path / "data", WorkFolder(tmp_path / "work"))
    with pytest.raises(DatasetError, match="run_nnunet.py export --work"):
        WorkFolder(tmp_path / "work").read_export()
    with pytest.raises(DatasetError, match="run_nnunet.py train"):
        import_predictions(WorkFolder(tmp_path / "work"), "2d")


def test_messages_name_the_whole_command_for_a_folder_with_a_blank(exported, tmp_path):
    folder = WorkFolder(tmp_path / "a b")
    command = f'python src/run_nnunet.py {{}} --work "{folder.root}"'
    folder.root.mkdir()
    (folder.root / "export.json").write_text("{")
    with pytest.raises(DatasetError) as damaged:
        folder.read_export()
    assert "damaged" in str(damaged.value) and str(damaged.value).endswith(command.format("export"))
    with pytest.raises(DatasetError) as untrained:
        import_predictions(folder, "2d")
    assert str(untrained.value).endswith(command.format("train --configuration 2d"))
    folder.write_export(tmp_path, exported[1])
    folder.write_json("2d/training.json", TRAINING)
    folder.add_cost("predict_2d", {"seconds_per_volume": 2.5, "mirroring": False, "step_size": 0.5})
    with pytest.raises(DatasetError, match=r"\.mha: not there") as unpredicted:
        import_predictions(folder, "2d")
    assert str(unpredicted.value).endswith(command.format("predict --configuration 2d"))
    with pytest.raises(DatasetError) as unplanned:
        write_own_plans(folder.preprocessed, 8)
    assert str(unplanned.value).endswith(command.format("train"))


def test_a_new_export_leaves_nothing_of_the_former_one(dataset, tmp_path):
    folder = WorkFolder(tmp_path / "work")
    for name in ("8_t1", "9_t1"):
        write_series(tmp_path / "other", name)
    export_dataset(tmp_path / "other", folder)
    made = ("planning.json", "nnunet_cost.json")
    for configuration in ("2d", "3d_fullres"):
        made += tuple(f"{configuration}/{name}.json" for name in ("training", "cost", "predictions/8_t1"))
        made += (f"{configuration}/class_maps/8_t1.mha",)
        made += (
            f"{folder.results.relative_to(folder.root)}/T__P__{configuration}/fold_0/checkpoint_final.pth",
        )
    for name in made:
        folder.write_json(name, {})
    export_dataset(dataset, folder, overwrite=True)
    stored = sorted(path.name.split("_")[0] for path in (folder.raw / "imagesTr").iterdir())
    assert stored == ["1", "1", "2", "3"]
    assert [name for name in made if (folder.root / name).exists()] == []
    left = {path.relative_to(folder.root).parts[0] for path in folder.root.rglob("*") if path.is_file()}
    assert left == {"export.json", "nnUNet_raw", "nnUNet_preprocessed"}
    assert folder.exported_dataset() == str(dataset)


@pytest.mark.parametrize("configuration", ["2d", "3d_fullres"])
def test_an_export_removes_no_trained_network_without_being_asked(dataset, tmp_path, configuration):
    folder, script = WorkFolder(tmp_path / "work"), load_script("src/run_nnunet.py")
    words = ["export", "--dataset", str(dataset), "--work", str(folder.root)]
    script.main(script.parse_args(words))
    network = folder.results / f"nnUNetTrainer__P__{configuration}" / "fold_0" / "checkpoint_latest.pth"
    folder.write_json(str(network.relative_to(folder.root)), {})
    with pytest.raises(ConfigError, match=r"latest\.pth: a network is there.* --overwrite .* --work FOLDER"):
        script.main(script.parse_args(words))
    assert network.exists()
    script.main(script.parse_args([*words, "--overwrite"]))
    assert not network.exists() and folder.read_export()


def test_script_exports_and_names_the_next_step(dataset, tmp_path, capsys):
    script = load_script("src/run_nnunet.py")
    script.main(script.parse_args(["export", "--dataset", str(dataset), "--work", str(tmp_path)]))
    assert f"next: python src/run_nnunet.py train --work {tmp_path}" in capsys.readouterr().out
