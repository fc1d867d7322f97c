import pytest

from dormouse.errors import UserError
from dormouse.execute.cluster import Node, fit_to_cluster, read_nodes
from dormouse.execute.compute import Compute

LARGE = [135_000_000]


def told(*nodes, alive=True):
    """What `ray.nodes()` returns of nodes with so many cores and GPUs."""
    return [
        {
            "NodeID": f"{i:056x}",
            "Alive": alive,
            "NodeManagerAddress": f"10.0.0.{i}",
            "Resources": {"memory": 1e11, f"node:10.0.0.{i}": 1.0}
            # Ray leaves out what a node has none of.
            | {name: float(n) for name, n in (("CPU", cores), ("GPU", gpus)) if n},
        }
        for i, (cores, gpus) in enumerate(nodes, start=1)
    ]


def fit(*nodes, sizes=LARGE, ranks=1, threads=64, device="cpu"):
    chosen = Compute(device, 1, threads, "because", "float32")
    return fit_to_cluster(chosen, sizes, read_nodes(told(*nodes)), ranks)


def test_nodes_are_read_as_ray_lists_them_and_dead_ones_left_out():
    assert read_nodes([*told((32, 8), (2, 0), (0, 0)), *told((64, 1), alive=False)]) == [
        Node("10.0.0.1", 32, 8), Node("10.0.0.2", 2, 0), Node("10.0.0.3", 0, 0),
    ]  # fmt: skip


def test_a_task_fits_on_every_node_however_many_cores_this_machine_has():
    found = fit((32, 0), (32, 0), (48, 0), threads=64)
    assert (found.device, found.workers, found.threads) == ("cpu", 3, 32)
    assert fit((32, 0), threads=4).threads == 4


def test_a_node_with_several_gpus_runs_a_stage_on_each():
    found = fit((64, 8), (64, 8), threads=64)
    assert (found.device, found.workers, found.threads) == ("cuda", 16, 8)
    assert str(found) == (
        "cuda · 16 processes x 8 threads (2 nodes of the cluster, the smallest with 64 cores and 8 GPUs) · "
        "float32, or bfloat16 where a node is fast in it"
    )


def test_tasks_train_on_gpus_where_only_the_other_nodes_have_them():
    found = fit((4, 0), (0, 0), (48, 4), threads=1, device="cpu")
    assert (found.device, found.workers, found.threads) == ("cuda", 4, 12)


def test_a_gpu_of_this_machine_is_none_of_the_cluster():
    assert fit((16, 0), device="cuda").device == "cpu"


def test_ranks_take_a_gpu_each():
    found = fit((64, 8), (16, 1), ranks=4)
    assert (found.workers, found.threads) == (2, 8)


def test_small_models_take_one_thread_each():
    found = fit((32, 0), (16, 0), sizes=[50_000, 200_000], threads=1)
    assert (found.workers, found.threads) == (48, 1)
    assert fit((64, 8), sizes=[50_000]).threads == 1
    assert fit((64, 8), sizes=[50_000, None]).threads == 8


def test_fewer_cores_than_gpus_are_one_thread_a_task():
    found = fit((4, 8))
    assert (found.workers, found.threads) == (4, 1)


@pytest.mark.parametrize(
    ("nodes", "ranks", "message"),
    [
        (
            [(32, 2), (8, 0)],
            4,
            "No node of the Ray cluster has a core and 4 GPUs (execute.ranks=4), which a stage takes: 10.0.0.1 has "
            "32 cores and 2 GPUs, 10.0.0.2 has 8 cores and 0 GPUs. Lower execute.ranks, or start nodes that have it.",
        ),
        (
            [(0, 0)],
            1,
            "No node of the Ray cluster has a core, which a stage takes: 10.0.0.1 has 0 cores and 0 GPUs. Start nodes "
            "that have it.",
        ),
    ],
)
def test_a_task_that_fits_on_no_node_is_an_error(nodes, ranks, message):
    with pytest.raises(UserError) as error:
        fit(*nodes, ranks=ranks)
    assert str(error.value) == message
