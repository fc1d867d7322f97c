"""FSDP2 between processes on a CPU: torch can, over gloo, but accelerate turns it on for GPUs alone.

Run as a program, this is one of the processes, in which accelerate is told that it is on. All else is as shipped.
"""

import sys
from pathlib import Path

from dormouse.execute import ranks

SHARED = "weights are shared"


def run_with_fsdp(work):
    """Run a stage in two processes that share weights."""
    ranks.PROGRAM = (__file__,)
    ranks.device = lambda: "cuda"
    ranks.run_in_ranks(work, 2, fsdp=True)


def turn_on():
    import accelerate.state
    from accelerate.utils import DistributedType

    start = accelerate.state.AcceleratorState.__init__

    def with_fsdp(self, *args, fsdp_plugin=None, **settings):
        start(self, *args, fsdp_plugin=fsdp_plugin, **settings)
        if fsdp_plugin is not None and self.distributed_type == DistributedType.MULTI_CPU:
            # What accelerate does where it finds GPUs.
            self.distributed_type = DistributedType.FSDP
            self.fsdp_plugin = fsdp_plugin
            accelerate.state.PartialState._shared_state["distributed_type"] = self.distributed_type

    accelerate.state.AcceleratorState.__init__ = with_fsdp


def say_what_is_shared():
    from torch.distributed.tensor import DTensor

    from dormouse.training import trainee

    gather_weights = trainee.gather_weights

    def told(shared, skeleton):
        weights = shared.state_dict().values()
        shares = sum(isinstance(weight, DTensor) for weight in weights)
        # One write: `print` makes several, and those of two processes mix.
        sys.stdout.write(f"{shares} of {len(weights)} {SHARED}\n")
        return gather_weights(shared, skeleton)

    trainee.gather_weights = told


if __name__ == "__main__":
    turn_on()
    say_what_is_shared()
    ranks.main(Path(sys.argv[1]))
