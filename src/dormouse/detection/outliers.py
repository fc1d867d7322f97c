"""Distances from trusted clean prompts in activation space: nothing is known but what is normal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from pydantic import Field

from dormouse.detection.base import Granted
from dormouse.detection.layers import LayerDetector, Look


class Mahalanobis(LayerDetector):
    """Distance from the clean mean in units of the clean spread (Lee et al. 2018, arXiv 1807.03888)."""

    name: ClassVar[str] = "mahalanobis"

    def fit_at(self, look: Look, granted: Granted) -> Callable[[Any], Any]:
        """Return the squared distance; the covariance is shrunk (Ledoit and Wolf 2004)."""
        from sklearn.covariance import LedoitWolf

        fitted = LedoitWolf().fit(look.prompts(granted.clean).astype("float64"))
        return lambda activations: fitted.mahalanobis(activations.astype("float64"))


class NearestNeighbors(LayerDetector):
    """Distance to the k-th nearest clean prompt (Sun et al. 2022, arXiv 2204.06507)."""

    name: ClassVar[str] = "nearest_neighbors"
    k: int = Field(5, ge=1)
    """The distance is that to the k-th nearest clean prompt."""

    def fit_at(self, look: Look, granted: Granted) -> Callable[[Any], Any]:
        """Return the distance between vectors of unit length."""
        from sklearn.neighbors import NearestNeighbors as Neighbors
        from sklearn.preprocessing import normalize

        clean = normalize(look.prompts(granted.clean))
        fitted = Neighbors(n_neighbors=min(self.k, len(clean))).fit(clean)
        return lambda activations: fitted.kneighbors(normalize(activations))[0][:, -1]


class PCAReconstruction(LayerDetector):
    """What of an activation lies outside the plane that clean prompts span."""

    name: ClassVar[str] = "pca_reconstruction"
    explained: float = Field(0.95, gt=0, lt=1)
    """Share of the clean variance that the plane holds."""

    def fit_at(self, look: Look, granted: Granted) -> Callable[[Any], Any]:
        """Return the length of the residual."""
        import numpy as np
        from sklearn.decomposition import PCA

        fitted = PCA(n_components=self.explained, svd_solver="full").fit(look.prompts(granted.clean))

        def residual(activations: Any) -> Any:
            back = fitted.inverse_transform(fitted.transform(activations))
            return np.linalg.norm(activations - back, axis=1)

        return residual
