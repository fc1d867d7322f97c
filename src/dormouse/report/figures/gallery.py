"""The report's figures, in the order they are read; a figure exists only where its data do.

That of the removals stands with their table.
"""

from __future__ import annotations

from dormouse.report.claims.claim import Run
from dormouse.report.figures.curves import along_training, log_probability, rl_health
from dormouse.report.figures.policy import interventions, probes, scratchpad_preference
from dormouse.report.figures.rates import capability, headline, red_team
from dormouse.report.figures.scale import by_amount, by_size
from dormouse.report.figures.style import Figure

FIGURES = (
    headline,
    by_size,
    by_amount,
    red_team,
    along_training,
    log_probability,
    rl_health,
    interventions,
    probes,
    scratchpad_preference,
    capability,
)
NOT_OF_A_ZOO = (by_amount, along_training, log_probability, probes)
"""They compare sizes, steps of one recipe, or words of one trigger: a zoo pools over all of these."""


def draw(run: Run) -> list[Figure]:
    """Return every figure that this run has numbers for."""
    makers = [make for make in FIGURES if run.zoo is None or make not in NOT_OF_A_ZOO]
    return [figure for make in makers if (figure := make(run)) is not None]
