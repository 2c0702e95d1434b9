"""Training on a cluster: the batch script, notes taken in place of the scheduler; and many processes at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from Testing.packaging.cmake_lists import ROOT
from Training.fit import own_examples
from Training.run_folder import RunFolder
from Training.settings import Settings

SCRIPT = ROOT / "Training" / "slurm" / "phase.sbatch"
NOTES = '#!/bin/bash\necho "$(basename "$0") $*" >> "$NOTES"\n'


@pytest.fixture
def cluster(tmp_path: Path) -> dict[str, str]:
    """The environment of a batch job; ``srun`` trains for as long as ``training`` is there."""
    training = 'while [ -e "$TRAINING" ]; do sleep 0.01; done\nexit ${CODE:-0}\n'
    for name, rest in {"srun": training, "scontrol": ""}.items():
        (tmp_path / name).write_text(NOTES + rest)
        (tmp_path / name).chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "NOTES": str(tmp_path / "notes"),
        "TRAINING": str(tmp_path / "training"),
        "SLURM_CPUS_PER_TASK": "8",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_JOB_ID": "17",
    }


def start(cluster: dict[str, str], *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(["bash", str(SCRIPT), *words], env=cluster, stderr=subprocess.PIPE, text=True)


def test_every_task_fits_the_phase_on_all_nodes(cluster: dict[str, str], tmp_path: Path) -> None:
    assert start(cluster, "2", "runs/phase2", "a", "b", "--init", "runs/phase1").wait() == 0
    said = (tmp_path / "notes").read_text().strip()
    assert said.startswith("srun --cpus-per-task=8 ")
    assert said.endswith(
        " -m Training fit --phase 2 --preset cluster --out runs/phase2 --nodes 2 --threads 8 --data a b "
        "--init runs/phase1"
    )


def test_before_its_time_is_over_the_job_queues_again(cluster: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "training").touch()
    job = start(cluster, "2", "runs/phase2", "a")
    while not (tmp_path / "notes").exists():
        assert job.poll() is None
        time.sleep(0.005)
    job.send_signal(signal.SIGUSR1)
    job.wait()
    (tmp_path / "training").unlink()
    assert (tmp_path / "notes").read_text().splitlines()[1:] == ["scontrol requeue 17"]


def test_what_fails_in_training_fails_the_job_and_missing_words_are_said(cluster: dict[str, str]) -> None:
    assert start({**cluster, "CODE": "2"}, "2", "runs/phase2", "a").wait() == 2
    job = start(cluster, "2", "runs/phase2")
    assert "Name the phase, the run's folder and prepared data" in job.communicate()[1]
    assert job.returncode == 2


def write_often(folder: Path) -> int:
    for number in range(200):
        RunFolder(folder).write_recipe({"number": number})
    return number


def test_processes_that_train_together_write_the_same_run_folder(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(3) as pool:
        assert pool.map(write_often, [tmp_path] * 3, chunksize=1) == [199] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.json"]


def test_processes_take_turns_at_examples_and_go_on_where_a_checkpoint_stands() -> None:
    settings = Settings.read(2, "tiny")
    unbroken = [list(own_examples(0, settings, rank, 2)) for rank in range(2)]
    assert sorted(unbroken[0] + unbroken[1]) == list(range(2 * settings.total_steps * settings.batch))
    for rank in range(2):
        resumed = list(own_examples(10, settings, rank, 2))
        assert len(resumed) == len(unbroken[rank])
        assert resumed[: -10 * settings.batch] == unbroken[rank][10 * settings.batch :]


def test_two_processes_train_together(prepared: Path, tmp_path: Path) -> None:
    together = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = ["-m", "Training", "fit", "--preset", "tiny", "--threads", "1", "--data", str(prepared)]
    done = subprocess.run([*together, *words, "--out", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Starting with 2 processes" in done.stderr
    assert RunFolder(tmp_path).is_done(60)
